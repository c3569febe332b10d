"""Every table and figure of the paper, and every claim, run and judged: `eiwref reproduce`.

`grid` runs pieces of work once and keeps what they found; `material` is what they work on; one file a kind of
work (`tokens`, `trained`, ...); one file a group of tables and figures, which asks for work and makes `Result`s of
it; `claims` judges, `ledger` writes the page; `cost` tells what it all would take.
"""

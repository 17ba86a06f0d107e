"""What the ended cases of an office show, kept as sums that are brought up to date as cases end.

`facts` says what one ended case shows (pure), `cells` how that is added up, `rollup` writes it, `figures` reads it, `reasons`
are the categories of TIDAK, `behind` lists the cases behind a figure, and `sample` makes an office's history to try it with.
"""

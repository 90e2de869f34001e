"""What limits the bits: each non-ideality alone, and all together, on one layer.

`study` says what is compared, `cases` each of the curves, `experiment` computes a row,
`runs` fills a folder, `plots` draws it, `commands` is ``crossbar limits``.
"""

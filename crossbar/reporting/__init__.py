"""One page of HTML about the folder of a study or another experiment.

`runs` reads the folder and `views` knows what its tables mean; `charts` takes means over chips,
`heat` reads the arrays of a netlist. `plotted` draws both for the screen, `printed` for paper.
`settings`, `progress` and `page` put the page together, and `markup` writes it.
"""

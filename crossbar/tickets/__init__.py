"""Strong lottery tickets: networks that are found in random ones by pruning alone.

| module | what it holds |
|---|---|
| `constructions` | `malach`, `pensia`, `orseau`, `da_cunha`: from a target network to a `Ticket` |
| `ticket` | `Ticket`: the random network, its mask, what it costs and how far it is off |
| `pairs`, `choices` | the two random layers for one of the target's; which weights stay |
| `checks` | what a target network and its inputs must be |
| `plain` | networks whose weights are subset sums of plain random numbers |
| `experiments` | the published experiments, repeated |
| `leeway` | how many random numbers stay within a solver's tolerance |
| `published` | our rows beside the published values, with what explains the differences |
| `neurons` | the open problem: whole neurons, by subset sums of vectors |
| `filters` | the same for convolutions: whole filters |
| `flyhash` | a hash by an array that nobody programmed |
| `hardware` | a ticket on hardware: the random weights are resistors, and some are switched off |
| `plots`, `hardware_plots` | figures of all of these |
| `runs`, `network_runs`, `hardware_runs`, `table_runs` | the experiments in a folder, resumed |
| `commands` | ``crossbar tickets`` |

The first six, `published` and the last three runs need torch, so nothing is imported here.
"""

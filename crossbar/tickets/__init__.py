"""Strong lottery tickets: networks that are found in random ones by pruning alone.

| module | what it holds |
|---|---|
| `constructions` | `malach`, `pensia`, `orseau`, `da_cunha`: from a target network to a `Ticket` |
| `ticket` | `Ticket`: the random network, its mask, what it costs and how far it is off |
| `pairs`, `choices` | the two random layers for one of the target's; which weights stay |
| `experiments` | the published experiments, repeated |
| `neurons` | the open problem: whole neurons, by subset sums of vectors |
| `flyhash` | a hash by an array that nobody programmed |
| `plots` | figures of all of these |

The first four need torch, so nothing is imported here.
"""

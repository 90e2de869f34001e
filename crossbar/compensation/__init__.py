"""Programming that knows the wires of the array.

| module | what it holds |
|---|---|
| `programming` | `compensate`: a measurement, targets and wires to switches |
| `report` | `Compensation`: these switches, bits before and after, how far it came |
| `tasks` | what is compensated at once, what comes of it |
| `tiles` | a tile of paired or steered cells: continuous first, then subsets |
| `passes` | subsets of all cells of a tile: in turn, or in passes |
| `foresight` | cells chosen in turn, from the far ends of their lines |
| `lightness` | which cells are chosen in turn, and how little these draw |
| `shifts` | how cells shift the entries behind them, all together |
| `moments` | how much errors of a column count together, from the inputs |
| `cells` | what each state of their branches gives the two lines |
| `nets` | a row of tiles of flip or offset cells: continuous, then one subset sum a cell |
| `leverage` | how far a change of one cell moves the entries of its row and column |
"""

from __future__ import annotations

from crossbar.compensation.programming import PASSES, check_wire_aware, compensate, nothing_comes_of
from crossbar.compensation.report import Compensation

__all__ = ["PASSES", "Compensation", "check_wire_aware", "compensate", "nothing_comes_of"]

"""From a specification to a cell that meets it: how sure that is, and what it costs.

| module | what it holds |
|---|---|
| `specification` | what is asked |
| `yields` | exact binomial bounds, the test of a yield |
| `proofs` | what is certain without simulation; the radix from the tolerance or its tail |
| `trials` | cells fabricated and judged by their worst target |
| `costs` | parts, resistance, area, spread |
| `families`, `trade`, `searching` | the kinds of cell, the table, the search |
| `outputs`, `verifying`, `runs` | files of a design; a small array of it in ngspice; the folder |
| `plots`, `console`, `commands` | figure, table, `crossbar design` |
"""

from crossbar.designing.searching import search
from crossbar.designing.specification import Specification
from crossbar.designing.trade import TradeRow, recommended, smallest

__all__ = ["Specification", "TradeRow", "recommended", "search", "smallest"]

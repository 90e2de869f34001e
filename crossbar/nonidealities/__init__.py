"""What limits a real chip: gradients, faults, temperature, drift, noise, converters.

`settings` says what there is, `fields` and `chips` change the chip before and after it is
measured, `noise` and `reading` change what is read from it, `quantisation` is the converters'.
"""

from crossbar.nonidealities.chips import Child, as_made, as_used
from crossbar.nonidealities.reading import Ranges, Reading
from crossbar.nonidealities.settings import Nonidealities

__all__ = ["Child", "Nonidealities", "Ranges", "Reading", "as_made", "as_used"]

"""Many chips at many settings: what to run, and running it so that nothing is done twice.

`study` says what a study is, `folder` how its results are kept, `runs` runs it, `merging` joins
the results of several machines, `commands` has ``crossbar study``, ``plot`` and ``merge``.
"""

from crossbar.studies.study import Study, Task, load_study, run, run_study
from crossbar.sweeps import Sweep

__all__ = ["Study", "Sweep", "Task", "load_study", "run", "run_study"]

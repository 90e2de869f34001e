"""What one product costs: energy, time and area, beside digital hardware and published chips.

`assumptions` holds every number that is not computed, with its source. `arrays` solves what the
programmed arrays take, `estimate` adds drivers, converters and digital work, `comparison` puts it
beside others, and `listing` makes one table of all of it.
"""

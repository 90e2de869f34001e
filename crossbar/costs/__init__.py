"""What a product or an image costs: energy, time and area, beside digital and published chips.

`assumptions` holds every number that is not computed, with its source. `arrays` solves what the
programmed arrays take, `estimate` adds drivers, converters and digital work, `comparison` puts it
beside others, and `listing` makes one table of all of it. `networks` sums the layers of a network
for one image; `sources` finds their chips.
"""

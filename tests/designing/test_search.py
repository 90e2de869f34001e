"""The search: smallest cells measured before, what is proof and what statistic, the choice."""

from dataclasses import replace

import pytest

from crossbar import Design, InputError
from crossbar.designing import Specification, recommended, search, smallest
from crossbar.designing.costs import cell_cost
from crossbar.designing.families import families
from crossbar.designing.searching import leaky, left_out
from crossbar.designing.trade import NOT_MET, PROOF, STATISTIC

INFINITE = float("inf")


def sizes(bits, tolerance, **asked):
    specification = Specification(bits=bits, tolerance=tolerance, off_ohm=INFINITE, **asked)
    return {
        (row.polarity, row.ladder): row.resistors
        for row in smallest(search(specification))
        if row.met and (row.certainty == PROOF or row.ladder != "guaranteed")
    }


@pytest.mark.parametrize(
    ("bits", "tolerance", "paired", "steered"),
    [(8, 0.1, 10, 6), (8, 0.2, 11, 7), (8, 0.3, 13, 8), (12, 0.1, 14, 9), (12, 0.3, 20, 12)],
)
def test_the_smallest_guaranteed_ladders_are_those_measured_before(
    bits, tolerance, paired, steered
):
    found = sizes(
        bits, tolerance, polarities=("paired", "steered"), ladders=("guaranteed",), most_sums=64
    )  # proven without a single simulated cell
    assert found == {("paired", "guaranteed"): paired, ("steered", "guaranteed"): steered}


def test_the_smallest_staggers_at_eight_bits_are_those_measured_before():
    """15 paired and 10 steered ones; 14 do where all of 2,995 cells happen to pass."""
    found = sizes(8, 0.2, polarities=("paired", "steered"), ladders=("stagger",), radix=1.2)
    assert found[("paired", "stagger")] in (14, 15)
    assert found[("steered", "stagger")] == 10


def test_more_precise_identical_resistors_are_worse():
    """Noise is needed, or stagger: at 1 % no cell of identical resistors keeps eight bits."""
    asked = Specification(
        bits=8, tolerance=0.01, polarities=("paired",), ladders=("identical",), most_sums=1 << 16
    )
    (best,) = smallest(search(asked))
    assert best.certainty == NOT_MET
    assert best.worst_bits is not None
    assert best.worst_bits < 6


def test_each_row_says_how_sure_it_is(small):
    rows = search(small)
    assert {row.certainty for row in rows} == {PROOF, STATISTIC, NOT_MET}
    for row in rows:
        if row.certainty == PROOF:
            assert row.proven_bits is not None
            assert row.proven_bits >= small.bits
            assert row.failures == 0
        if row.certainty == STATISTIC:
            assert (row.cells, row.failures) == (29, 0)
            assert row.yield_at_least is not None
            assert row.yield_at_least >= 0.9
        if row.certainty == NOT_MET:
            assert row.failures > 0
            assert row.yield_at_least is None
    for family in {row.family for row in rows}:
        counts = [row.resistors for row in rows if row.family == family]
        assert counts == sorted(counts)


def test_a_ladder_is_searched_on_until_its_proof_suffices():
    """At 30 % and 12 bits 19 resistors pass the test, and 20 are proven."""
    asked = Specification(
        bits=6, yield_=0.5, tolerance=0.4, polarities=("paired",), ladders=("guaranteed",)
    )
    found = [(row.certainty, row.resistors) for row in smallest(search(asked))]
    assert [certainty for certainty, _ in found] == [STATISTIC, PROOF]
    assert found[0][1] < found[1][1]


def test_rows_that_are_known_are_not_simulated_again(small, monkeypatch):
    rows = search(small)
    half = {row.key: row for row in rows[::2]}
    kept = []
    assert search(small, known=half, keep=kept.append) == rows
    assert kept == [row for row in rows if row.key not in half]


def test_neither_threads_nor_the_order_of_the_kinds_decide_a_row(small):
    turned = replace(small, polarities=small.polarities[::-1])
    rows = search(small)
    assert sorted(search(turned, workers=3), key=str) == sorted(rows, key=str)


def test_stuck_branches_leave_no_proof_and_cost_resistors(small):
    broken = replace(small, stuck=0.01, ladders=("stagger",), polarities=("paired",))
    rows = {row.family: row for row in smallest(search(broken))}
    intact = {row.family: row for row in smallest(search(small))}
    family = "paired stagger 1.2"
    assert rows[family].certainty != PROOF
    assert rows[family].resistors >= intact[family].resistors


def test_what_is_preferred_decides(small):
    rows = search(small)
    met = [row for row in smallest(rows) if row.met]
    measures = {
        "area": lambda row: row.total_ohm,
        "resistors": lambda row: row.resistors,
        "switches": lambda row: row.switches,
        "spread": lambda row: row.spread,
    }
    for prefer, measure in measures.items():
        row, why = recommended(rows, prefer)
        assert measure(row) == min(measure(one) for one in met)
        assert why.startswith("the ")
    row, why = recommended(rows, "proof")
    assert row.certainty == PROOF
    assert "a proof for every cell" in why


def test_where_nothing_is_good_enough_the_best_is_named():
    asked = Specification(bits=12, polarities=("paired",), ladders=("binary",), most_sums=1 << 14)
    with pytest.raises(InputError, match="bits: no cell meets .* paired binary, nominal of 1[24]"):
        recommended(search(asked))
    with pytest.raises(InputError, match="prefer = 'proof'"):
        recommended(
            search(Specification(bits=3, yield_=0.5, polarities=("paired",), ladders=("stagger",))),
            "proof",
        )


def test_cells_too_large_to_simulate_are_named():
    asked = Specification(
        bits=21, off_ohm=INFINITE, polarities=("paired",), ladders=("stagger", "guaranteed")
    )
    rows = search(asked)
    assert {row.family for row in rows} == {"paired guaranteed"}
    assert (rows[-1].certainty, rows[-1].cells, rows[-1].worst_bits) == (PROOF, 0, None)
    assert left_out(asked, rows) == [f"paired stagger {radix}" for radix in (1.05, 1.1, 1.2, 1.3)]
    with pytest.raises(InputError, match="most_sums = 1048576: .*at 21 bits"):
        search(replace(asked, ladders=("stagger",)))


def test_open_switches_that_leak_too_much_for_a_proof_are_told():
    told = leaky(Specification(bits=14))
    assert told is not None
    assert "off_ohm = 1e+10" in told
    assert leaky(Specification(bits=8)) is None
    assert leaky(Specification(bits=14, off_ohm=INFINITE)) is None
    assert leaky(Specification(bits=14, ladders=("stagger",))) is None


def test_the_conventional_baseline_is_paired_or_offset():
    with pytest.raises(InputError, match="binary ladder is searched as paired and offset"):
        families(Specification(bits=8, ladders=("binary",), polarities=("flip",)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bits": 0}, "bits = 0"),
        ({"bits": float("nan")}, "bits = nan"),
        ({"bits": True}, "bits = True"),
        ({"yield_": 1.0}, "yield = 1.0"),
        ({"confidence": 0}, "confidence = 0"),
        ({"tolerance": 1.5}, "tolerance = 1.5"),
        ({"distribution": "normal"}, "distribution = 'normal'"),
        ({"measurement_error": 0.2}, "measurement_error = 0.2"),
        ({"stuck": -0.1}, "stuck = -0.1"),
        ({"polarities": ()}, "polarities = "),
        ({"ladders": ("stagger", "stagger")}, "ladders = .* each once"),
        ({"radix": 0.9}, "radix = 0.9"),
        ({"on_ohm": 0}, "on_ohm = 0"),
        ({"on_ohm": 1e12}, "off_ohm"),
        ({"usable": 2.0}, "usable = 2.0"),
        ({"seed": -1}, "seed = -1"),
        ({"allowed_failures": 0.5}, "allowed_failures = 0.5"),
        ({"most_sums": 1 << 30}, "most_sums"),
        ({"full_scale_siemens": 7.0}, "full_scale_siemens = 7.0"),
    ],
)
def test_a_specification_that_makes_no_sense_is_refused(change, told):
    with pytest.raises(InputError, match=told):
        Specification(**({"bits": 8} | change))


def test_a_row_says_what_its_cell_costs():
    """Three branches of 10, 12.5 and 15.625 uS, by hand."""
    cell = {"polarity": "flip", "radix": 1.25, "resistors": 3, "tolerance": 0, "usable": 1.0}
    design = Design(full_scale_siemens=(1 + 1.25 + 1.5625) * 1e-5, on_ohm=0, **cell)
    cost = cell_cost(design, sheet_ohm=500)
    assert (cost.resistors, cost.switches) == (3, 6)
    ohm = [1e5, 8e4, 6.4e4]
    assert cost.total_ohm == pytest.approx(sum(ohm))
    assert cost.unit_resistors == pytest.approx(sum(ohm) / 6.4e4)
    assert cost.squares == pytest.approx(sum(ohm) / 500)
    assert cost.spread == pytest.approx(1.5625)
    assert (cost.smallest_ohm, cost.largest_ohm) == pytest.approx((6.4e4, 1e5))

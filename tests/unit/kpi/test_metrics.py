"""The catalogue's declarations, and what is refused about one."""

from dataclasses import replace
from fractions import Fraction

import pytest

from services.kpi.domain import metrics
from services.kpi.domain.metrics import (
    CATALOGUE,
    Lights,
    MeasureUnknown,
    Metric,
    MetricInvalid,
    Term,
)
from services.kpi.schemas.metrics import MetricDeclaredPayload

SALES = next(metric for metric in CATALOGUE if metric.code == "sales")


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.code)
def test_the_catalogue_holds_together_and_survives_the_log(metric: Metric):
    assert metrics.check(metric) is metric
    payload = metrics.to_payload(metric)
    MetricDeclaredPayload.model_validate(payload)
    assert metrics.from_payload(payload) == metric


def test_what_a_payload_leaves_out_has_its_default():
    payload = metrics.to_payload(SALES)
    del payload["yellow_below_bp"], payload["red_below_bp"]
    payload["numerator"] = [{"measure": "won", "value": "amount", "added_later": 1}]
    assert metrics.from_payload(payload) == SALES


@pytest.mark.parametrize(("change", "refusal", "path"), [
    ({"code": "Sales"}, MetricInvalid, "code"),
    ({"name": {"en": "Sales"}}, MetricInvalid, "name"),
    ({"numerator": ()}, MetricInvalid, "numerator"),
    ({"numerator": (Term("won", "amount"),) * 21}, MetricInvalid, "numerator"),
    ({"numerator": (Term("open", "amount"),)}, MeasureUnknown, "numerator.0.measure"),
    ({"numerator": (Term("won", "amount", sign=2),)}, MetricInvalid, "numerator.0.sign"),
    ({"numerator": (Term("won", "amount"), Term("won", "count"))}, MetricInvalid, "numerator"),
    ({"denominator": (Term("won", "amount"),)}, MetricInvalid, "unit"),
    ({"unit": "count"}, MetricInvalid, "unit"),
    ({"unit": "percent"}, MetricInvalid, "unit"),
    ({"lights": Lights(5_000, 6_000)}, MetricInvalid, "red_below"),
])  # fmt: skip
def test_a_declaration_that_defines_nothing_is_refused(change, refusal, path):
    with pytest.raises(refusal) as refused:
        metrics.check(replace(SALES, **change))
    assert refused.value.path == path


def test_a_mean_of_money_is_amounts_over_counts():
    mean = replace(SALES, code="deal_value", denominator=(Term("won", "count"),))
    assert metrics.check(mean).is_rate
    assert mean.value(100_000, 3) == Fraction(100_000, 3)
    assert metrics.rounded(mean.value(100_000, 3)) == 33_333


def test_a_rate_with_nothing_below_the_line_has_no_value():
    rate = next(metric for metric in CATALOGUE if metric.code == "win_rate")
    assert rate.value(0, 0) is None
    assert rate.value(1, -1) is None, "a period that only takes back closings"

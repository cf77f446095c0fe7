"""What an alert says to people: what, how far, since when; in English and Chinese.

>>> from datetime import date, datetime
>>> alert = Alert("a1", "c1", "ann", "visits", "2026-03-W2", "count", None, "pace", "red", 8, 14,
...               571, date(2026, 3, 6), "open", datetime(2026, 3, 5, 16), date(2026, 3, 5), 41)
>>> text = message(alert, {"en": "Visits", "zh": "拜访量"})
>>> text["en"]
'Visits in 2026-03-W2: 8 of 14 due by 2026-03-06, 57.1 %: red. Short since 2026-03-05.'
>>> text["zh"]
'2026-03-W2 拜访量：截至 2026-03-06 应完成 14，实际 8，达成 57.1%，红灯；自 2026-03-05 起落后。'
"""

from collections.abc import Mapping
from decimal import Decimal

from services.kit import quantity
from services.kpi.domain.alerts import Alert, Comparison, Resolution

_LIGHT_ZH = {"green": "绿灯", "yellow": "黄灯", "red": "红灯"}
_FAR: dict[str, dict[Comparison, str]] = {
    "en": {
        "pace": "{actual} of {standard} due by {day}",
        "target": "{actual} on {day}, the target is {standard}",
        "ceiling": "{actual} on {day}, at most {standard} is the target",
    },
    "zh": {
        "pace": "截至 {day} 应完成 {standard}，实际 {actual}",
        "target": "截至 {day} 目标 {standard}，实际 {actual}",
        "ceiling": "截至 {day} 上限 {standard}，实际 {actual}",
    },
}
_END: dict[str, dict[Resolution | None, str]] = {
    "en": {
        None: "Short since {opened}.",
        "green": "It was short from {opened}.",
        "over": "It was short from {opened}, and the period is over.",
        "withdrawn": "It was short from {opened}, and the target no longer holds.",
    },
    "zh": {
        None: "自 {opened} 起落后。",
        "green": "曾自 {opened} 起落后，现已恢复。",
        "over": "自 {opened} 起落后，周期已结束。",
        "withdrawn": "自 {opened} 起落后，目标已撤销。",
    },
}


def message(alert: Alert, names: Mapping[str, str]) -> dict[str, str]:
    """`names`: the metric's, by language."""
    said = {
        "actual": _quantity(alert.actual, alert),
        "standard": _quantity(alert.standard, alert),
        "day": alert.measured_on.isoformat(),
        "opened": alert.opened_on.isoformat(),
    }
    far = {language: texts[alert.comparison].format(**said) for language, texts in _FAR.items()}
    end = {language: texts[alert.resolution].format(**said) for language, texts in _END.items()}
    attained = Decimal(alert.attained).scaleb(-1)
    return {
        "en": f"{names['en']} in {alert.period}: {far['en']}, {attained} %: {alert.light}. "
        f"{end['en']}",
        "zh": f"{alert.period} {names['zh']}：{far['zh']}，达成 {attained}%，"
        f"{_LIGHT_ZH[alert.light]}；{end['zh']}",
    }


def _quantity(value: int, alert: Alert) -> str:
    """With thousands apart, and its currency or percent sign."""
    number = f"{Decimal(quantity.shown(value, alert.unit, alert.currency)):,}"
    sign = {"money": alert.currency, "percent": "%"}.get(alert.unit)
    return f"{number} {sign}" if sign else number

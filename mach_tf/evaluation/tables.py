"""Tables of metrics, as the programs print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from tabulate import tabulate


def metrics_table(
    metrics: Mapping[str, float], intervals: Optional[Mapping[str, Sequence[float]]], ks: Sequence[int]
) -> str:
    """One row a metric, one column a cut-off, in percent, with the 95% intervals where there are any."""
    rows = []
    for kind in dict.fromkeys(name.split("@")[0] for name in metrics):
        row = [kind]
        for k in ks:
            name = f"{kind}@{k}"
            cell = f"{metrics[name]:.2f}"
            if intervals and name in intervals:
                low, high = intervals[name]
                cell += f" [{low:.2f}, {high:.2f}]"
            row.append(cell)
        rows.append(row)
    return tabulate(rows, ["%", *(f"@{k}" for k in ks)], disable_numparse=True)


def comparison_table(rows: Mapping[Any, Mapping[str, float]], names: Sequence[str], corner: str) -> str:
    """One row a thing compared, one column a metric."""
    cells = [[str(key), *(f"{metrics[name]:.2f}" for name in names)] for key, metrics in rows.items()]
    return tabulate(cells, [corner, *names], disable_numparse=True)


def attacks_table(entries: Sequence[Mapping[str, Any]], ks: Sequence[int]) -> str:
    """One row for each attack and epsilon: the metrics, and P at the smallest cut-off that was lost."""
    names = [*(f"P@{k}" for k in ks), f"nDCG@{max(ks)}"]
    rows = [
        [
            entry["attack"],
            entry["support"],
            f"{entry['epsilon']:g}",
            *(f"{entry['metrics'][name]:.2f}" for name in names),
            f"{entry['lost'][names[0]]:.2f}",
        ]
        for entry in entries
    ]
    return tabulate(rows, ["attack", "support", "epsilon", *names, f"{names[0]} lost"], disable_numparse=True)


def differences_table(differences: Mapping[str, Mapping[str, float]]) -> str:
    """One row a metric: the difference and its 95% interval, in percentage points."""
    rows = [
        [name, f"{d['difference']:+.2f}", f"[{d['low']:+.2f}, {d['high']:+.2f}]"] for name, d in differences.items()
    ]
    return tabulate(rows, ["metric", "difference", "95% interval"], disable_numparse=True)


def frequency_table(groups: Mapping[str, Mapping[str, Any]]) -> str:
    """One row for head, torso and tail."""
    columns = list(next(iter(groups.values())))
    rows = [
        [name, *(f"{v:.2f}" if isinstance(v, float) else str(v) for v in group.values())]
        for name, group in groups.items()
    ]
    return tabulate(rows, ["labels by frequency", *columns], disable_numparse=True)


def summary(report: Mapping[str, Any], ks: Sequence[int]) -> str:
    """What an evaluation prints: the report of metrics.json as text."""
    names = [*(f"P@{k}" for k in ks), f"nDCG@{max(ks)}", f"PSP@{max(ks)}"]
    parts = [
        f"{report['points']} points, {report['repetitions']} repetitions, estimator {report['estimator']}",
        metrics_table(report["metrics"], report["intervals"], ks),
    ]
    if len(report["estimators"]) > 1:
        parts.append(comparison_table(report["estimators"], names, "estimator"))
    if report["repetition_curve"]:
        curve = {entry["repetitions"]: entry["metrics"] for entry in report["repetition_curve"]}
        parts.append(comparison_table(curve, names, "repetitions"))
    parts.append(frequency_table(report["by_frequency"]))
    if report["attacks"]:
        parts.append(attacks_table(report["attacks"], ks))
    if "compare" in report:
        parts.append(f"Minus {report['compare']['with']}:\n" + differences_table(report["compare"]["differences"]))
    parts.append("\n".join(_lines(report, max(ks))))
    return "\n\n".join(parts)


def _lines(report: Mapping[str, Any], k: int) -> Iterator[str]:
    loss = report["loss"]
    yield f"clean loss {loss['clean']:.6f}"
    if loss["adversarial"] is not None:
        yield f"adversarial loss {loss['adversarial']:.6f} (each repetition under its own FGSM, epsilon {loss['epsilon']:g})"
    for name, curve in report["calibration"].items():
        yield f"expected calibration error, {name}: {curve['expected_calibration_error']:.4f}"
    decoding = report["decoding"]
    for name, scored in decoding["labels_scored"].items():
        recall = f", recall of the exact top {k}: {100 * decoding['recall'][name]:.2f}%" if "recall" in decoding else ""
        yield f"{decoding['mode']} decoding, {name}: {scored:.0f} labels scored a point{recall}"
    yield "seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in report["seconds"].items())

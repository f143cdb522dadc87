"""How close the detector comes to the best checkpoint, against simpler rules.

python benchmarks/inflection.py VALIDATION RUN... --photos N [--count 200] [--output study.json] [--charts DIR]

RUN is a run folder whose last GAN phase went far past its point (patience = 0 in the recipe). Each checkpoint is scored
on photographs that neither training nor detector saw. Regret is what a rule's checkpoint has more than the best one: in
FD(EfficientNet-Lite0) as a share of grey's, and in unsteadiness, the mean change of chroma under a shift by a pixel,
weak noise and the next render factor, as a share of chroma.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from retint.networks.checkpoints import load_generator
from retint.networks.imagenet import feature_network
from retint.training import inflection
from retint.training.charts import line_chart
from retint.training.data import load_photos
from retint.training.inflection import Scores
from retint.training.players import Players
from retint.training.probes import SIDE, Judge
from retint.training.processes import Processes
from retint.training.run import pictures
from retint.training.runfolder import RunFolder

GENERATOR_LOSSES = ("chroma", "features", "pooled", "adversarial")
LEVEL = 0.02  # the critic's loss levels out where it changes by less than this share from one checkpoint to the next


def last_cycle(folder: RunFolder) -> list[dict]:
    """What the log says of every checkpoint of the last GAN phase, in order; each once."""
    scored = [entry for entry in folder.entries() if "scores" in entry]
    cycle = max(entry["cycle"] for entry in scored)
    return [entry for _, entry in sorted({e["step"]: e for e in scored if e["cycle"] == cycle}.items())]


def rules(entries: list[dict], photos: int) -> dict[str, int]:
    """Which checkpoint each rule takes; 0 is the state before the GAN."""
    scores = [Scores(**entry["scores"]) for entry in entries]
    losses = [entry["losses"] for entry in entries[1:]]
    generator = [sum(loss[name] for name in GENERATOR_LOSSES if name in loss) for loss in losses]
    critic = [loss["critic"] for loss in losses]
    level = (i + 1 for i in range(1, len(critic)) if abs(critic[i] - critic[i - 1]) < LEVEL * critic[i - 1])
    samples = np.array([entry["samples"] for entry in entries])
    return {
        "detector": inflection.choose(scores).index,
        "before the GAN": 0,
        "first": 1,
        "last": len(entries) - 1,
        "2 % of the data": int(np.abs(samples - 0.02 * photos).argmin()),
        "lowest generator loss": int(np.argmin(generator)) + 1,
        "critic loss levels out": next(level, len(entries) - 1),
    }


def measured(folder: RunFolder, entries: list[dict], judge: Judge) -> list[Scores]:
    """Scores of every checkpoint on the validation photographs; kept in the run folder, as they take a while."""
    kept = folder.path / f"validation-{len(judge)}.json"
    known = json.loads(kept.read_text()) if kept.is_file() else {}
    for entry in entries:
        name = entry["checkpoint"]
        if name not in known:
            generator = load_generator(folder.path / "checkpoints" / name)
            nobody = Players(generator, generator, None, None, Processes("cpu"))
            known[name] = asdict(judge.scores(nobody, generator))
            kept.write_text(json.dumps(known))
            print(name, known[name], flush=True)
    return [Scores(**known[entry["checkpoint"]]) for entry in entries]


def table(chosen: list[dict[str, int]], truth: list[list[Scores]]) -> str:
    """Mean (and worst) regret of every rule over the runs, as Markdown."""
    lines = [
        "| rule | regret in FD share, mean (worst) | unsteadiness against the best FD's | PSNR, dB | CF |",
        "|---|---|---|---|---|",
    ]
    for rule in chosen[0]:
        rows = []
        for indices, scores in zip(chosen, truth, strict=True):
            best = min(scores, key=lambda one: one.fd_share)
            one = scores[indices[rule]]
            rows.append((one.fd_share - best.fd_share, one.unsteadiness - best.unsteadiness, one.psnr, one.cf))
        fd, steady, psnr, cf = np.array(rows).T
        cells = (f"{fd.mean():.4f} ({fd.max():.4f})", f"{steady.mean():+.4f}", f"{psnr.mean():.2f}", f"{cf.mean():.1f}")
        lines.append(f"| {rule} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("validation", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--photos", type=int, required=True, help="how many the runs trained on")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--charts", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    network = feature_network("efficientnet_lite0", head=True)
    judge = Judge(pictures(load_photos([arguments.validation], short_side=SIDE), arguments.count), network)
    folders = [RunFolder(path, "") for path in arguments.runs]
    logs = [last_cycle(folder) for folder in folders]
    truth = [measured(folder, log, judge) for folder, log in zip(folders, logs, strict=True)]
    chosen = [rules(log, arguments.photos) for log in logs]
    print(table(chosen, truth))
    for folder, log, scores, picks in zip(folders, logs, truth, chosen, strict=True):
        print(f"\n{folder.path.name}: " + ", ".join(f"{rule}: step {log[i]['step']}" for rule, i in picks.items()))
        best = int(np.argmin([one.fd_share for one in scores]))
        print(f"best FD on validation: step {log[best]['step']}, {scores[best]}")
    if arguments.charts:
        write_charts(arguments.charts, folders, logs, truth, chosen)
    if arguments.output:
        study = {
            folder.path.name: {"log": log, "validation": [asdict(one) for one in scores], "rules": picks}
            for folder, log, scores, picks in zip(folders, logs, truth, chosen, strict=True)
        }
        arguments.output.write_text(json.dumps(study, indent=1))


def write_charts(
    target: Path,
    folders: list[RunFolder],
    logs: list[list[dict]],
    truth: list[list[Scores]],
    chosen: list[dict[str, int]],
) -> None:
    """One SVG a run and measure: probes against validation, with the detector's choice."""
    target.mkdir(parents=True, exist_ok=True)
    measures: dict[str, Callable[[Scores], float]] = {
        name: lambda one, name=name: getattr(one, name)
        for name in ("fd_share", "unsteadiness", "cf", "psnr", "skin", "hue")
    }
    for folder, log, scores, picks in zip(folders, logs, truth, chosen, strict=True):
        steps = [entry["step"] for entry in log]
        for name, measure in measures.items():
            probes = [measure(Scores(**entry["scores"])) for entry in log]
            lines = {
                "probes": list(zip(steps, probes, strict=True)),
                "validation": list(zip(steps, [measure(one) for one in scores], strict=True)),
            }
            chart = line_chart(f"{folder.path.name}: {name}", lines, across="step", mark=steps[picks["detector"]])
            (target / f"{folder.path.name}-{name}.svg").write_text(chart)


if __name__ == "__main__":
    main()

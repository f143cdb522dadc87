"""What the gates of marks and of tone rest on: figures by threshold, and what tells damaged pictures from clean ones.

    python benchmarks/restoration_gates.py --photos val.tar [--limit 60] [--models FOLDER]

Marks of each kind, and damage that is none, are planted with fixed seeds.
Markdown on stdout (docs/decisions/018-networks-that-restore.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from restoration import BEST, gray_of, read, row, table

from retint.evaluation.metrics import psnr
from retint.restoration.damage import DamageGate, evidence_of, find_damage, mask_of
from retint.restoration.degradation import age
from retint.restoration.onnx_models import Models, OnnxModel
from retint.restoration.planes import luma_of
from retint.restoration.tone import read_light, relit

PAIRS = ((0.3, 0.2), (0.5, 0.25), (0.6, 0.3), (0.8, 0.4), (0.9, 0.5), (0.98, 0.7))
DAMAGED = {
    "scratches": ["scratches"],
    "dust": ["dust"],
    "creases": ["creases"],
    "holes": ["holes"],
    "both": ["scratches", "dust"],
}
SOUND = {"clean": [], "jpeg": ["jpeg"], "scale": ["scale"], "blur": ["blur"], "stains": ["stains"]}
# What of a change of tone is to be undone, and what is not.
TONED = {
    "none": [],
    "fading": ["fading"],
    "light": ["light"],
    "stains": ["stains"],
    "fading and light": ["fading", "light"],
}


def tone(clean: list[np.ndarray], model: OnnxModel) -> None:
    """What the tone stage would do to every picture, and how well its confidence tells where that helps."""
    seen = {}
    for name, kinds in TONED.items():
        rows = []
        for at, one in enumerate(clean):
            luma = luma_of(age(one, np.random.default_rng((11, at)), kinds).picture)
            light = read_light(luma, model)
            before, after = (
                min(BEST, psnr(np.rint(part / 257).astype(np.uint8), one)) for part in (luma, relit(luma, light, 1.0))
            )
            rows.append((before, after, light.confidence))
        seen[name] = np.array(rows)
    everything = np.concatenate(list(seen.values()))
    hurt = everything[everything[:, 1] <= everything[:, 0], 2]
    body = []
    for name, rows in seen.items():
        before, after, confidence = rows.T
        helped = confidence[after > before]
        told = f"{area_under_curve(helped, hurt):.2f}" if helped.size and hurt.size else "-"
        body.append(
            row(
                name,
                f"{before.mean():.2f}",
                f"{after.mean():.2f}",
                f"{100 * helped.size / len(rows):.0f} %",
                f"{confidence.mean():.2f}",
                told,
            )
        )
    table(("tone", "as it is, dB", "corrected", "helped", "confidence", "told from those not helped"), body)


def area_under_curve(higher: np.ndarray, lower: np.ndarray) -> float:
    """Odds that one of `higher` is above one of `lower`; equal ones count half."""
    return float((higher[:, None] > lower).mean() + 0.5 * (higher[:, None] == lower).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", nargs="+", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--models", type=Path)
    arguments = parser.parse_args()
    models = Models(arguments.models)
    detector = models.get("damage")
    clean = [gray_of(picture) for picture in read(arguments.photos, arguments.limit)]
    tone(clean, models.get("tone"))
    seen = {}
    for name, kinds in (DAMAGED | SOUND).items():
        seen[name] = []
        for at, one in enumerate(clean):
            aged = age(one, np.random.default_rng((11, at)), kinds)
            seen[name].append((aged.mask, find_damage(luma_of(aged.picture), detector)))

    body = []
    for high, low in PAIRS:
        for evidence, share in ((0.0, 0.0), (DamageGate.evidence, DamageGate.share)):
            gate = DamageGate(high, low, grow=0, evidence=evidence, share=share)
            counts = np.zeros(3)
            for mask, found in seen["both"]:
                chosen = mask_of(found, gate)
                counts += ((chosen & mask).sum(), chosen.sum(), mask.sum())
            both, chosen, true = counts
            grown = DamageGate(high, low, evidence=evidence, share=share)
            alarms = 100 * np.mean([mask_of(found, grown).mean() for _, found in seen["clean"]])
            numbers = (both / chosen, both / true, both / (chosen + true - both))
            asked = f"{evidence:g} or {100 * share:g} %" if evidence else "no"
            body.append(row(f"{high}, {low}", asked, *(f"{one:.3f}" for one in numbers), f"{alarms:.3f} %"))
    head = ("reach, hold", "evidence wanted", "precision", "recall", "IoU", "false alarms, grown")
    table(head, body)

    body = []
    for way, gate in (("", DamageGate()), (", of old prints", DamageGate().for_old())):
        found = {name: np.array([evidence_of(one, gate) for _, one in pairs]) for name, pairs in seen.items()}
        sound = np.concatenate([found[name] for name in SOUND])
        for name in DAMAGED:
            areas = [area_under_curve(found[name][:, at], sound[:, at]) for at in (0, 1)]
            believed = [
                100 * np.mean([mask_of(one, gate).any() for _, one in pairs])
                for pairs in (seen[name], [one for other in SOUND for one in seen[other]])
            ]
            body.append(row(name + way, *(f"{area:.2f}" for area in areas), *(f"{one:.0f} %" for one in believed)))
    head = ("told from pictures without marks", "by evidence", "by share", "believed", "of those without")
    table(head, body)


if __name__ == "__main__":
    main()

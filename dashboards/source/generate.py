"""Writes every dashboard as Grafana's JSON: generate.py FOLDER."""

import json
import pathlib
import sys

import moves
import overview
import scaler
import shard
import slo

DASHBOARDS = {"overview": overview, "shard": shard, "scaler": scaler, "moves": moves, "slo": slo}


def main(folder):
    may_be_empty = {}
    (folder / "json").mkdir(parents=True, exist_ok=True)
    for name, module in DASHBOARDS.items():
        dashboard, empty = module.build()
        may_be_empty[dashboard["uid"]] = empty
        write(folder / "json" / f"{name}.json", dashboard)
    write(folder / "may-be-empty.json", may_be_empty)


def write(path, content):
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

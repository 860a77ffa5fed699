"""What pyproject.toml cannot say: two source roots, and resources/ installed as the data package meadow/_resources."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
RESOURCES = ROOT / "resources"

packages = {name: f"{root}/{name.replace('.', '/')}" for root in ("core", "app") for name in find_packages(root)}
if RESOURCES.is_dir():
    packages["meadow._resources"] = "resources"

setup(
    packages=list(packages),
    package_dir=packages,
    package_data={
        "meadow._resources": [str(path.relative_to(RESOURCES)) for path in RESOURCES.rglob("*") if path.is_file()]
    },
)

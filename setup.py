"""What pyproject.toml cannot say: two source roots, and resources/ installed as the data package meadow/_resources."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
packages = {name: root for root in ("core", "app") for name in find_packages(root)}

setup(
    packages=[*packages, "meadow._resources"],
    package_dir={
        **{name: f"{root}/{name}" for name, root in packages.items() if "." not in name},
        "meadow._resources": "resources",
    },
    package_data={
        "meadow._resources": [
            str(path.relative_to(ROOT / "resources")) for path in ROOT.glob("resources/**/*") if path.is_file()
        ]
    },
)

"""What pyproject.toml cannot say: every folder of conc_lab is a package, and so are the lessons in a wheel."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["conc_lab*"]), "conc_lab.course"], package_dir={"conc_lab.course": "notebooks"})

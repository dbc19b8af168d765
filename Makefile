# Thin names for what people type; the logic is in dlcctr, scripts/ and demo/.
# make docs | demo | demo-round | test | test-full | image | images | base | sif | bench | cluster | cluster-shell | cluster-stop | lint | clean | clean-cache
SHELL := /bin/sh
PY := .venv/bin/python

.PHONY: help venv demo demo-round test test-full image images base sif cluster cluster-shell cluster-stop bench docs lint lock clean clean-cache
help:
	@echo "make demo       set up, train a small model, analyse, check, draw (ENGINE=pytorch|tensorflow)"
	@echo "make demo-round the demo, then one round on a new camera's videos: frames to label, labels, training, comparison"
	@echo "make test       set up and run the tests, the real ones included; make test-full runs what does not fit there"
	@echo "make image      build one image (ENGINE=tensorflow|pytorch DEVICE=cuda|cpu); make images builds all but cu130"
	@echo "make base       make the base image without a registry"
	@echo "make sif        turn the image into dlc.sif (ENGINE=... DEVICE=...)"
	@echo "make bench      measure our analysis loop beside stock DeepLabCut's, and write docs/benchmark.md"
	@echo "make cluster    start a Slurm cluster in containers to try things on; make cluster-shell logs in, make cluster-stop ends it"
	@echo "make docs       build the documentation as a site: site/index.html"
	@echo "make clean-cache removes what these leave outside of the checkout: caches, environments, Docker images"

venv:
	@sh scripts/bootstrap.sh

demo: ENGINE ?= pytorch
demo: venv
	@$(PY) -m demo --engine $(ENGINE)

demo-round: venv
	@$(PY) -m demo --engine pytorch --round

test:
	@sh scripts/test.sh

test-full:
	@sh scripts/test.sh --full

image: ENGINE ?= tensorflow
image: DEVICE ?= cuda
image: venv
	@sh scripts/engine.sh run $(PY) -m dlcctr image build --engine $(ENGINE) --device $(DEVICE)

images: venv
	@sh scripts/engine.sh run $(PY) -m dlcctr image build --all

base:
	@sh scripts/engine.sh run sh scripts/base.sh

sif: ENGINE ?= tensorflow
sif: DEVICE ?= cuda
sif: venv
	@sh scripts/engine.sh run $(PY) -m dlcctr image sif --engine $(ENGINE) --device $(DEVICE) -o dlc.sif

cluster: venv
	@sh scripts/engine.sh run $(PY) -m tests.cluster start

cluster-shell:
	@$(PY) -m tests.cluster shell

cluster-stop:
	@$(PY) -m tests.cluster stop

bench: venv
	@$(PY) -m tests.benchmarks.loop
	@$(PY) -m tests.benchmarks.many
	@$(PY) -m tests.benchmarks.reading

docs:
	@sh scripts/docs.sh

lint: venv
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

lock:
	@$(PY) scripts/lock.py

clean-cache:
	@sh scripts/clean-cache.sh

clean:
	rm -rf .venv build dist demo-out *.egg-info

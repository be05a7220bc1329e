# Each target is a few lines over scripts/; `make help` lists them.
# CLUSTER=existing uses the current kube context instead of a local cluster.
.DEFAULT_GOAL := help
.PHONY: help demo test check unit up down image bench generate lock docs docs-links

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: venv ## from nothing to an answered chat on a real local cluster
	@.venv/bin/python scripts/demo.py

test: venv ## every check and every test, on a real local cluster
	@scripts/test

check: venv ## static checks, and whether generated files are in step
	@scripts/check

unit: venv ## the tests that need no cluster
	@.venv/bin/python -m pytest -q tests/unit tests/golden

up: ## a local cluster: kind where Docker works, else a node of our own
	@python3 hack/cluster up

down: ## remove everything that was made
	@python3 hack/cluster down --purge

image: ## build the one image and make it known to the cluster
	@python3 hack/cluster image build gagarin.local/gagarin:dev . --file images/Dockerfile

bench: venv ## benchmarks as JSON lines, beside their goals
	@.venv/bin/python -m bench

docs: ## the documentation as a site, in build/site
	@scripts/docs

docs-links: ## whether the addresses that the documentation names outside of the repository answer
	@scripts/docs linkcheck

generate: venv ## write the generated files anew: CRDs, chart copies, manifests, reference
	@scripts/generate

lock: venv ## write the lock files anew from pyproject.toml
	@scripts/lock

.PHONY: venv
venv:
	@scripts/venv

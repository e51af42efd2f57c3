# make demo   install everything, train and place the phantom, show it in napari
# make test   install everything, then lint, types and tests
# make nightly  the same with the slow tests
# make lowest those with the lowest versions that are allowed, in .lowest-venv; needs uv
# make coverage   all tests, and which lines and branches of the code they do not run
# make mutants    which changes of the code the tests do not notice, in half an hour or so
# make fuzz   damaged files at every reader, for FUZZ_SECONDS
# make docs   the pages of the documentation, their notebooks run
# make tour   pictures of every step in out/tour; set DPVAE_DATA to the folder of the real data
BIN := .venv/bin
SCREEN := xvfb-run -a -s "-screen 0 1600x1000x24"

# Two workers of one thread each; tests/conftest.py says which tests go together.
# Their bytecode is kept: to make it anew takes each worker some seconds.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(SCREEN) $(BIN)/pytest -n 2 --dist loadgroup

.PHONY: demo tour test nightly lint types tests lowest coverage mutants fuzz docs setup clean

setup: .venv/.complete

.venv/.complete: pyproject.toml constraints.txt scripts/setup.sh
	scripts/setup.sh
	touch $@

# With no display the window lives on a virtual screen, and a picture of it is written.
demo: setup
	@echo "demo: training on the phantom, placing its cells, and showing them in napari; a minute or two."
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" != Linux ]; then \
		$(BIN)/napari-dpvae demo; \
	else \
		mkdir -p out && $(SCREEN) $(BIN)/napari-dpvae demo --screenshot out/demo.png; \
	fi

tour: setup
	xvfb-run -a -s "-screen 0 1920x1080x24" $(BIN)/python -m benchmarks.tour

test: lint types tests

nightly: lint types
	$(PYTEST) --drawn

lint: setup
	$(BIN)/ruff check src tests benchmarks docs hatch_build.py
	$(BIN)/ruff format --check src tests benchmarks docs hatch_build.py
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari_dpvae
	$(BIN)/pip check

types: setup
	@scripts/step.sh "types: mypy, a minute or two the first time" $(BIN)/mypy

tests: setup
	$(PYTEST) -m "not slow"

# What uv installs there can be told by LOWEST, such as an --override with a build of torch at hand.
lowest:
	uv venv --quiet --allow-existing .lowest-venv
	uv pip install --quiet --python .lowest-venv --resolution lowest-direct $(LOWEST) -e ".[pyqt6,test]"
	OMP_NUM_THREADS=1 $(SCREEN) .lowest-venv/bin/pytest -n 2 --dist loadgroup -m "not slow"

# Lines and branches that were not run stand in out/coverage; the window counts by itself.
coverage: setup
	$(PYTEST) --drawn --cov --cov-report=html:out/coverage
	$(BIN)/coverage report --omit="*/viewer/*" --fail-under=95 --format=total
	$(BIN)/coverage report --include="*/viewer/*" --fail-under=85 --format=total

# Survivors are told in out/mutants.
mutants: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt cosmic-ray
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.mutants

# Mutated files at every reader; findings are kept in out/fuzz. FUZZ_SECONDS for all together.
FUZZ_SECONDS ?= 300
fuzz: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fuzz --seconds $(FUZZ_SECONDS)

# The pages, in docs/_build/html; notebooks are run when they or what they use have changed.
docs: setup
	scripts/docs.sh

clean:
	rm -rf .venv .docs-venv .lowest-venv docs/_build out dist .mypy_cache .ruff_cache .pytest_cache

# The doorway: short names for what CMake, CTest and .ci do. GNU make and BSD make both read this file.
# `make` alone tells what there is.

PREFIX ?= /usr/local
DESTDIR ?=
# What `make install` installs: a configured and built release.
RELEASE = build/release

# Where the labelled records of real clients are, for bench-judgement.
DATA ?= ../shared/data
ARGS ?=
# How long a soak takes.
SECONDS ?= 600

.PHONY: help run test bench soak bench-judgement install format check fuzz tidy clean

help:
	@echo 'make run       build smtpguard, start it on 127.0.0.1:2525 in front of a try-out backend, play some sessions'
	@echo 'make test      build everything and run all tests'
	@echo 'make bench     the table against HAProxy, nginx and postscreen (as root; ROWS="cpu memory" and ROUNDS=5 choose)'
	@echo 'make soak [SECONDS=600]   good, hostile and broken sessions, everything failing around them; every message accounted for'
	@echo 'make bench-judgement [DATA=FOLDER] [ARGS="--worst 5"]   how many bots and honest servers the name tests catch'
	@echo 'make install   install below PREFIX ($(PREFIX)); DESTDIR is put before it'
	@echo 'make format    format all C++ files as .clang-format says'
	@echo 'make check     what CI adds to make test: format, layering, second compiler, sanitizers'
	@echo 'make fuzz      every fuzz target for 10 seconds, or ARGS="60 session data": these for 60'
	@echo 'make tidy      clang-tidy over all our sources (minutes)'
	@echo 'make clean     remove build/'
	@echo
	@echo 'What a build needs is installed by run and test (Debian: apt-get, as root or with sudo; nothing is removed).'

run:
	@sh .ci/setup build
	@sh .ci/build
	@$(RELEASE)/proxy/tools/smtpguard-tryout

test:
	@sh .ci/test

bench:
	@sh .ci/setup test
	@tests/bench/run $(ARGS)

soak:
	@sh .ci/setup test
	@sh .ci/build
	@SMTPGUARD_SOAK=$(SECONDS) SMTPGUARD_E2E_LIMIT=$$(($(SECONDS) + 300)) tests/e2e/run $(RELEASE)/proxy/smtpguard soak

bench-judgement:
	@ls '$(DATA)'/sessions-*.tsv >/dev/null 2>&1 || \
	{ echo 'bench-judgement: no sessions-*.tsv in $(DATA). The labelled records of real clients are no part of this project;'; \
	echo '                 DATA=FOLDER says where they are. Nothing was built or measured.'; exit 1; }
	@sh .ci/setup test
	@mkdir -p build
	@cmake --preset bench >build/bench.log 2>&1 || { cat build/bench.log; exit 1; }
	@echo 'bench-judgement: building (the first time minutes; build/bench.log)'
	@cmake --build --preset bench --target bench_judgement >build/bench.log 2>&1 || { cat build/bench.log; exit 1; }
	@build/bench/tests/bench/bench_judgement '$(DATA)' $(ARGS)

install:
	@sh .ci/build -DCMAKE_INSTALL_PREFIX='$(PREFIX)'
	@DESTDIR='$(DESTDIR)' cmake --install $(RELEASE) --strip

format:
	@sh .ci/format

check:
	@bash .ci/run check

fuzz:
	@sh .ci/setup ci
	@bash .ci/fuzz $(ARGS)

tidy:
	@sh .ci/setup ci
	@cmake --preset dev >/dev/null
	@git ls-files 'conf/*.cpp' 'filters/*.cpp' 'dns/*.cpp' 'proxy/*.cpp' | xargs -P 2 -n 4 clang-tidy -p build/dev --quiet

clean:
	rm -rf build

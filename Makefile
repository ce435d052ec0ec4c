# Thin: each target calls cargo, npm or a script. `make help` lists them.
setup := src-tauri/setup
# `cargo build` alone makes a window that looks for a dev server.
window := --features tauri/custom-protocol

.PHONY: help run serve demo test test-ui test-desktop camera-test check sqlx bindings bench soak bundle clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

run: ## set up what is missing, build, open the window
	@$(setup)/display.sh
	@$(setup)/setup.sh build
	cargo run --locked $(window)

serve: ## the same interface in a browser, for a machine without a display
	@$(setup)/setup.sh build
	cargo run --locked -p gatehousectl -- serve

demo: ## fill an empty database with a believable gym [MEMBERS=2000] [DAYS=730] [SEED=1]
	@$(setup)/setup.sh build
	cargo run --locked --release -p gatehousectl -- demo --members $(or $(MEMBERS),2000) --days $(or $(DAYS),730) --seed $(or $(SEED),1)

test: ## set up what is missing, then every check and every suite
	@$(setup)/test.sh

test-ui: ## the interface in Chromium, against `gatehousectl serve`
	@$(setup)/setup.sh test
	tests/ui/run

test-desktop: ## the real window under a virtual display
	@$(setup)/setup.sh test
	tests/desktop/run

camera-test: ## a real /dev/video0 in a virtual machine
	@$(setup)/setup.sh camera
	tests/camera/run

check: ## formatting, lints, types, direction of dependencies; no test
	@$(setup)/setup.sh build
	cargo fmt --all --check
	$(setup)/direction.sh
	cargo clippy --workspace --all-targets --locked $(window) -- -D warnings
	cd ui && npm run --silent check

sqlx: ## write .sqlx anew from the migrations and the queries
	@$(setup)/setup.sh build
	$(setup)/sqlx.sh .sqlx cargo check --workspace --all-targets --locked $(window)

bindings: ## write the TypeScript commands and types of the wire anew
	GATEHOUSE_WRITE_BINDINGS=1 cargo test --locked -p gatehouse-net the_committed_bindings

bench: ## one JSON line per figure [AREA=scan|checkin|search|money|sync|start|memory] [PHOTOS=dir]
	@$(setup)/setup.sh build
	@$(if $(filter-out start memory,$(AREA)),,cargo build --locked --release --quiet $(window),bench --bin gatehouse --example empty-window)
	@cargo run --locked --release --quiet -p gatehouse-testkit --features bench --bin gatehouse-bench -- --area "$(AREA)"

soak: ## kill app and database under load, count what was lost [SUITE=checkin|money|branches] [SEED=n] [OPS=n]
	@$(setup)/setup.sh build
	@cargo run --locked --release --quiet -p gatehouse-testkit --features bench --bin gatehouse-soak -- $(or $(SUITE),checkin) $(if $(SEED),--seed $(SEED)) $(if $(OPS),--ops $(OPS))

bundle: ## the .deb package, database programs included
	@$(setup)/setup.sh build
	$(setup)/bundle.sh

clean: ## remove what was built; databases and fetched programs stay
	cargo clean
	rm -rf ui/dist ui/node_modules ui/src/paraglide test-results gen

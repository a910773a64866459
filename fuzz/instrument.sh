#!/bin/sh
# Stands before rustc for the packages of this workspace alone, and has it count
# the edges that a run takes. Their libraries stay as other builds left them; so does
# build.rs, which runs by itself, without a fuzzer to link to.
# It needs no nightly compiler: these are options of LLVM, not of rustc.
case " $* " in
*" --crate-name build_script_build "*) exec "$@" ;;
*" --crate-name "*) ;;
*) exec "$@" ;;
esac
exec "$@" \
  -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares \
  -Cdebug-assertions=on -Coverflow-checks=on -Ccodegen-units=16

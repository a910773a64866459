#!/bin/sh
# A wrapper of rustc that adds edge coverage to the packages of this workspace. Other
# libraries are not instrumented, nor is build.rs, which is not linked to a fuzzer.
# It needs no nightly compiler, because these are options of LLVM and not of rustc.
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

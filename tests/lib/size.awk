# Counts lines of Rust code by module: without blank lines, comments and test items.
# Usage: awk -f size.awk FILE...  (paths such as src/grpc/status.rs)
FNR == 1 {
  skipping = 0
  module = FILENAME
  sub(/^.*src\//, "", module)
  sub(/[\/.].*$/, "", module)
}
/^#\[cfg\(test\)\]$/ { skipping = 1; next }
skipping { # One item: up to its `;` or to the brace that closes it at the line's start.
  if (/^}/ || /^[^ ].*;$/) skipping = 0
  next
}
/^[ \t]*$/ || /^[ \t]*\/\// { next }
{ code[module]++; total++ }
END {
  for (module in code) printf "%8d  %s\n", code[module], module | "sort -k2"
  close("sort -k2")
  printf "%8d  total\n", total
}

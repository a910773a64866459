# Counts the code lines of each crate. tests/run sources this file.
# shellcheck shell=bash

# The files of a crate, without those that only tests compile.
source_files() { # DIRECTORY
  local declared
  declared=$(grep -rA1 --include='*.rs' '^#\[cfg(test)\]$' "$1/src" | sed -nE 's|^(.*)\.rs-(pub(\([a-z]+\))? )?mod ([a-z_]+);$|\1/\4|p')
  find "$1/src" -name '*.rs' | grep -vFf <(sed '/./!d; s|$|.rs|; p; s|\.rs$|/|' <<<"$declared") | sort
}

print_size() {
  local crate files
  for crate in . crates/*; do
    printf '%s\n' "${crate/#./src}"
    mapfile -t files < <(source_files "$crate")
    awk -f tests/lib/size.awk "${files[@]}"
  done
}

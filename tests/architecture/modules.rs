//! The modules of the crate and what each may import, read from the table in `src/lib.rs`.

use super::paths::Import;
use super::source::Source;

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) imports: Vec<String>,
}

pub(crate) struct ModuleTable(Vec<Module>);

impl ModuleTable {
    /// Reads the table in the documentation of `src/lib.rs`.
    pub(crate) fn of_crate() -> Self {
        Self::parse(include_str!("../../src/lib.rs"))
    }

    pub(crate) fn parse(documentation: &str) -> Self {
        let lines = documentation.lines();
        let rows = lines.filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix('|'));
        let rows = rows.filter(|row| row.contains('`'));
        Self(rows.map(module).collect())
    }

    /// Returns the edges that point at the same row or at one below, which could form a
    /// cycle, and those to modules without a row.
    pub(crate) fn upward_imports(&self) -> Vec<String> {
        let mut upward = Vec::new();
        for (at, module) in self.0.iter().enumerate() {
            for import in &module.imports {
                if !self.0[..at].iter().any(|above| above.name == *import) {
                    upward.push(format!(
                        "{} imports {import}, which is not above it",
                        module.name
                    ));
                }
            }
        }
        upward
    }

    /// Returns the modules of the table that no file belongs to.
    pub(crate) fn without_files(&self, sources: &[Source]) -> Vec<String> {
        let has_file = |name: &str| {
            sources
                .iter()
                .any(|source| is_within(&source.module(), name))
        };
        let names = self.0.iter().map(|module| module.name.clone());
        // Generated code has no file below src/.
        names
            .filter(|name| name != "grpc::v1" && !has_file(name))
            .collect()
    }

    /// Returns the imports of `source` that its row does not allow.
    pub(crate) fn violations(&self, source: &Source) -> Vec<String> {
        let module = source.module();
        if module == "lib" {
            return Vec::new();
        }
        let Some(own) = self.of(&module) else {
            return vec![format!(
                "{}:1: {module} has no row in the table of src/lib.rs",
                source.file
            )];
        };
        let imports = source.imports().into_iter().filter(|import| import.ours);
        let rules = imports.filter_map(|import| {
            let rule = self.broken_rule(own, &import)?;
            Some(format!("{}:{}: {rule}", source.file, import.line))
        });
        rules.collect()
    }

    fn broken_rule(&self, own: &Module, import: &Import) -> Option<String> {
        let Some(target) = self.of(&import.path) else {
            return Some(format!(
                "crate::{} has no row in the table of src/lib.rs",
                import.path
            ));
        };
        let is_allowed = own == target || own.imports.contains(&target.name);
        let rule = || {
            format!(
                "{} must not import {} (crate::{})",
                own.name, target.name, import.path
            )
        };
        (!is_allowed).then(rule)
    }

    /// Returns the row of the innermost module that contains `path`.
    fn of(&self, path: &str) -> Option<&Module> {
        let within = self.0.iter().filter(|module| is_within(path, &module.name));
        within.max_by_key(|module| module.name.len())
    }
}

fn module(row: &str) -> Module {
    let cells: Vec<&str> = row.split('|').collect();
    let names = |cell: &str| -> Vec<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    Module {
        name: names(cells[0])[0].clone(),
        imports: names(cells[2]),
    }
}

pub(crate) fn is_within(path: &str, module: &str) -> bool {
    let rest = path.strip_prefix(module);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

//! Which file of the workspace imports which, and whether some do so in a circle.
//!
//! A file imports another one if it names anything in it, by `use` or by a path. The declaration of a module, and a
//! re-export of what lies below, import nothing. Code of tests is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemFn, ItemImpl, ItemMod, ItemUse, Macro, UseTree};

/// Segments from the crate on.
pub type Module = Vec<String>;

/// All modules with a file of their own.
pub struct Modules(BTreeMap<Module, syn::File>);

impl Modules {
    /// The modules of crates, each with the folder of its sources.
    pub fn read(crates: &[(String, PathBuf)]) -> Modules {
        let mut modules = Modules(BTreeMap::new());
        for (name, folder) in crates {
            for root in ["lib.rs", "main.rs"] {
                let module = if root == "lib.rs" { name.clone() } else { format!("{name} (binary)") };
                modules.read_file(vec![module], &folder.join(root), folder);
            }
        }
        modules
    }

    fn read_file(&mut self, module: Module, path: &Path, folder: &Path) {
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let children: Vec<String> = file
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Mod(child) if child.content.is_none() && !is_of_tests(&child.attrs) => {
                    Some(child.ident.to_string())
                }
                _ => None,
            })
            .collect();
        self.0.insert(module.clone(), file);
        for child in children {
            let below = folder.join(&child);
            let module = [module.clone(), vec![child]].concat();
            self.read_file(module, &below.with_extension("rs"), &below);
        }
    }

    #[cfg(test)]
    fn of_texts(texts: &[(&str, &str)]) -> Modules {
        let module = |path: &str| path.split("::").map(str::to_owned).collect();
        Modules(texts.iter().map(|(path, text)| (module(path), syn::parse_file(text).unwrap())).collect())
    }

    /// The files that import each other, directly or through others, with what ties them.
    pub fn circles(&self) -> Vec<String> {
        let re_exports = self.re_exports();
        let imports: BTreeMap<&Module, BTreeSet<&Module>> = self
            .0
            .iter()
            .map(|(module, file)| {
                let mut found = ModuleUses { module, modules: self, paths: Vec::new(), re_exports: Vec::new() };
                found.visit_file(file);
                let targets = found.paths.iter().filter_map(|path| self.home_of(module, path, &re_exports));
                (module, targets.filter(|target| *target != module).collect())
            })
            .collect();
        let reach = |from: &Module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = next.pop() {
                for target in &imports[&module] {
                    if seen.insert((*target).clone()) {
                        next.push((*target).clone());
                    }
                }
            }
            seen
        };
        let reaches: BTreeMap<&Module, BTreeSet<Module>> =
            imports.keys().map(|module| (*module, reach(module))).collect();
        let is_tied = |one: &Module, other: &Module| reaches[other].contains(one);
        imports
            .iter()
            .flat_map(|(module, targets)| targets.iter().map(move |target| (*module, *target)))
            .filter(|(module, target)| is_tied(module, target))
            .map(|(module, target)| format!("{} -> {}", module.join("::"), target.join("::")))
            .collect()
    }

    /// What modules pass on of other modules, by its path there.
    fn re_exports(&self) -> BTreeMap<Module, Module> {
        let mut passed_on = BTreeMap::new();
        for (module, file) in &self.0 {
            let mut found = ModuleUses { module, modules: self, paths: Vec::new(), re_exports: Vec::new() };
            found.visit_file(file);
            for (name, path) in found.re_exports {
                if let Some(absolute) = self.absolute(module, &path) {
                    passed_on.insert([module.clone(), vec![name]].concat(), absolute);
                }
            }
        }
        passed_on
    }

    /// The file in which the thing of a path lies; `None` if it is none of ours.
    fn home_of(&self, module: &Module, path: &[String], re_exports: &BTreeMap<Module, Module>) -> Option<&Module> {
        let mut absolute = self.absolute(module, path)?;
        // A re-export may lead to another one.
        for _ in 0..8 {
            let passed_on = (1..=absolute.len()).find_map(|length| {
                // A module and a function may share a name.
                let target =
                    re_exports.get(&absolute[..length]).filter(|_| !self.0.contains_key(&absolute[..length]))?;
                Some([target.clone(), absolute[length..].to_vec()].concat())
            });
            match passed_on {
                Some(next) if next != absolute => absolute = next,
                _ => break,
            }
        }
        let longest = (1..=absolute.len()).rev().find_map(|length| self.0.get_key_value(&absolute[..length]));
        longest.map(|(home, _)| home)
    }

    /// A path from the crate on.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some([vec![module[0].clone()], rest.to_vec()].concat()),
            "self" => Some([module.clone(), rest.to_vec()].concat()),
            "super" => {
                let parent = module.split_last()?.1.to_vec();
                match rest.first().map(String::as_str) {
                    Some("super") => self.absolute(&parent, rest),
                    _ => Some([parent, rest.to_vec()].concat()),
                }
            }
            _ => {
                let child = [module.clone(), vec![first.clone()]].concat();
                if self.0.contains_key(&child) {
                    return Some([child, rest.to_vec()].concat());
                }
                let is_crate = self.0.contains_key(std::slice::from_ref(first)) && *first != module[0];
                is_crate.then(|| path.to_vec())
            }
        }
    }
}

/// Collects what one file names.
struct ModuleUses<'a> {
    module: &'a Module,
    modules: &'a Modules,
    paths: Vec<Vec<String>>,
    /// Names under which it passes things on, and their paths.
    re_exports: Vec<(String, Vec<String>)>,
}

impl ModuleUses<'_> {
    fn tree(&mut self, before: &[String], tree: &UseTree, is_public: bool) {
        let with = |name: &syn::Ident| [before.to_vec(), vec![name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree, is_public),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree, is_public)),
            UseTree::Glob(_) => self.paths.push(before.to_vec()),
            UseTree::Name(name) if name.ident == "self" => self.paths.push(before.to_vec()),
            UseTree::Name(name) => self.name(name.ident.to_string(), with(&name.ident), is_public),
            UseTree::Rename(rename) => self.name(rename.rename.to_string(), with(&rename.ident), is_public),
        }
    }

    fn name(&mut self, name: String, path: Vec<String>, is_public: bool) {
        let below = self.modules.absolute(self.module, &path).filter(|path| path.starts_with(self.module));
        match is_public && below.is_some() {
            true => self.re_exports.push((name, path)),
            false => self.paths.push(path),
        }
    }

    /// Paths among the tokens of a macro, which has no tree.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.paths.push(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.paths.push(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.paths.push(path);
        self.paths.retain(|path| path.len() > 1);
    }
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test"))
    };
    attributes.iter().any(is_test)
}

impl<'ast> Visit<'ast> for ModuleUses<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_of_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_of_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !is_of_tests(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_of_tests(&item.attrs) {
            let is_public = !matches!(item.vis, syn::Visibility::Inherited);
            self.tree(&[], &item.tree, is_public);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        visit::visit_path(self, &item.path);
        self.tokens(item.tokens.clone());
    }
}

#[test]
fn circles_are_found_however_the_files_name_each_other() {
    let check = |one: &str, two: &str, expected: &[&str]| {
        let modules = Modules::of_texts(&[("a", "mod one; mod two;"), ("a::one", one), ("a::two", two)]);
        assert_eq!(modules.circles(), expected, "{one} / {two}");
    };
    let circle = ["a::one -> a::two", "a::two -> a::one"];
    check("use crate::two::B;", "use super::one::A;", &circle);
    check("use super::two;", "fn f() { crate::one::f(); }", &circle);
    check("type A = super::two::B;", "fn f() { println!(\"{}\", crate::one::f()); }", &circle);
    check("use crate::two::{B, self};", "use crate::{one::*};", &circle);
    check("use crate::two::B;", "#[cfg(test)] mod tests { use crate::one::A; }", &[]);
    check("use crate::two::B;", "// crate::one\nfn f() -> &'static str { \"crate::one::f\" }", &[]);
    // A parent and its child, and the way through a re-export.
    let modules = Modules::of_texts(&[("a", "mod one; fn f() { one::g(); }"), ("a::one", "use crate::f;")]);
    assert_eq!(modules.circles(), ["a -> a::one", "a::one -> a"]);
    let modules = Modules::of_texts(&[
        ("a", "mod one; mod two; pub use one::A;"),
        ("a::one", "use crate::two::B;"),
        ("a::two", "use crate::A;"),
    ]);
    assert_eq!(modules.circles(), circle);
}

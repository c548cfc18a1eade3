"""Cluster x Node x Facts x ClusterFacts x components -> Desired. The only importer of jinja2."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import jinja2
from ruamel.yaml import YAML

from kubeup import components
from kubeup.addons import manifests
from kubeup.components.base import FOLDERS, Component, Context, Template
from kubeup.model import resources
from kubeup.model.cluster import Cluster, Value, by_address, replace_nodes
from kubeup.model.errors import KubeupError
from kubeup.model.resources import Binary, Desired, File, SideEffect, Unit, sha256
from kubeup.pki import certificates, secret_names
from kubeup.planning import recorded
from kubeup.planning.data import folder
from kubeup.release.artifacts import Artifact


def links(component: Component) -> Mapping[str, str]:
    """Binary name -> where it is linked; empty for what only lies in the store."""
    return {name: component.links.get(name, f"{resources.BIN}/{name}") for name in component.binaries}


def desired(context: Context, artifacts: Sequence[Artifact], now: datetime.datetime) -> Desired:
    """All that the node should have. artifacts: every binary its components need, for its architecture."""
    cluster, node = context.cluster, context.node
    found = {artifact.wanted.name: artifact for artifact in artifacts}
    mine = tuple(part for part in components.wanted(context) if _has_binaries(part, found))
    binaries = _binaries(mine, found)

    def of_user(text: str, name: str, values: Mapping[str, Value]) -> str:
        ordered = replace_nodes(cluster, by_address(cluster.nodes))
        return render_text(text, name, {"cluster": ordered, **values})

    context = replace(context, store={binary.name: binary.store_path for binary in binaries}, render_text=of_user)
    keys, to_issue = certificates.files(cluster, node, context.facts, context.cluster_facts, now)
    files = [_with_component(file, mine) for file in keys]
    for part in mine:
        files.extend(_component_files(part, context))
    units = tuple(_unit(part, context, files) for part in mine if part.has_unit)
    return Desired(
        files=tuple(files),
        binaries=binaries,
        directories=(*FOLDERS, *(replace(d, component=part.name) for part in mine for d in part.directories)),
        units=units,
        actions=tuple(action for part in mine for action in part.actions(context)),
        side_effects=_traces(mine, cluster),
        to_issue=to_issue,
        meta=(
            *recorded.of_cluster(context),
            *recorded.of_programs(context, mine),
            *recorded.meta(cluster, node, artifacts),
        ),
    )


def _binaries(parts: Iterable[Component], found: Mapping[str, Artifact]) -> tuple[Binary, ...]:
    """A link that several components need is made with the first of them."""
    binaries: dict[str, Binary] = {}
    for part in parts:
        for name, link in links(part).items():
            one, short = found[name], name.rpartition(":")[2]
            binary = Binary(short, one.wanted.version, one.sha256, one.size, link, part.name)
            binaries.setdefault(link or name, binary)
    return tuple(binaries.values())


def _has_binaries(component: Component, found: Mapping[str, Artifact]) -> bool:
    """crictl is used where it can be had; all others were resolved or the command ended before."""
    return all(name in found for name in component.binaries)


def _with_component(file: File, parts: Iterable[Component]) -> File:
    """A key or certificate is put in place together with the first component that reads it; what the control plane
    shares belongs to none, and so comes first."""
    if file.source.startswith(secret_names.SHARED):
        return file
    crt = file.path.removesuffix(".key") + ".crt" if file.path.endswith(".key") else file.path
    for part in parts:
        if crt in part.certificates or file.path in part.reads:
            return replace(file, component=part.name)
    return file


def _component_files(part: Component, context: Context) -> list[File]:
    files = [_template_file(part, template, context) for template in part.all_templates if template.when(context)]
    if part.has_unit and (part.flags(context) or context.cluster.override(part.name).flags):
        files.append(_defaults(part, context))
    files.extend(replace(file, component=part.name) for file in part.files(context))
    return [*files, *(replace(file, component=part.name) for file in part.listing(context, files))]


def _template_file(part: Component, template: Template, context: Context) -> File:
    text = render(template.name, part, context, revised=template.revision)
    override = context.cluster.override(part.name).config
    if template.config and override:
        text = (merge_json if template.path.endswith(".json") else merge_config)(text, override)
    if template.addon:
        text = manifests.labelled(text, template.addon)
    content, mode = text.encode(), template.mode
    if template.stays(context):
        content = context.facts.file(template.path).content or content
    return File(template.path, content, mode, component=part.name, read_at_start=template.read_at_start)


def render_text(text: str, name: str, values: Mapping[str, object]) -> str:
    """A template of the user's. Raises KubeupError with its line where there is a mistake in it."""
    try:
        return _environment().from_string(text).render(values)
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", None)
        raise KubeupError(
            f"the template {name} cannot be rendered",
            evidence=[f"line {line}: {error}" if line else str(error)],
            fix="mend the template",
        ) from error


def _flags(part: Component, context: Context) -> Mapping[str, tuple[str, ...]]:
    """Those of the profile over kubeup's; a list that the cluster needs its own part of is both."""
    own = {name: (value,) for name, value in part.flags(context).items()}
    # For programs of Kubernetes `_` in a name is `-`.
    every = context.cluster.override(part.name).flags.items()
    said = {dashed if (dashed := name.replace("_", "-")) in own else name: values for name, values in every}
    joined = {}
    for name in part.settings.joined:
        if name in own and name in said:
            words = ",".join((*own[name], *said[name])).split(",")
            joined[name] = (",".join(dict.fromkeys(word for word in words if word)),)
    return {**own, **said, **joined}


def _defaults(part: Component, context: Context) -> File:
    flags = [(name, value) for name, values in sorted(_flags(part, context).items()) for value in values]
    variable = part.name.upper().replace("-", "_") + "_OPTS"
    text = render("defaults", part, context, flags=flags, variable=variable)
    return File(part.defaults_path, text.encode(), component=part.name)


def _unit(part: Component, context: Context, files: Sequence[File]) -> Unit:
    own = (file.path for file in files if file.component == part.name)
    passed_over = {file.path for file in files if not file.read_at_start}
    reads = dict.fromkeys((*own, *part.certificates, *part.reads, *filter(None, links(part).values())))
    paths = tuple(path for path in reads if path not in passed_over)
    return Unit(
        part.unit,
        part.name,
        paths,
        part.ready(context),
        part.timeout,
        part.preexisting,
        part.reloads,
        components.lost(part, context),
    )


def _traces(parts: Iterable[Component], cluster: Cluster) -> tuple[SideEffect, ...]:
    found: dict[SideEffect, None] = {}
    for part in parts:
        routes = (SideEffect("routes", str(network)) for network in part.routes(cluster))
        found.update(dict.fromkeys((*part.side_effects, *routes)))
    return tuple(found)


def render(name: str, part: Component, context: Context, *, revised: bool = False, **extra: object) -> str:
    """One template as text; an unknown variable or a mistake in it is an error that shows the line. revised: see
    Template.revision."""
    values: Mapping[str, Value] = part.values(context)
    variables: dict[str, object] = {
        "cluster": context.cluster,
        "node": context.node,
        "facts": context.facts,
        "component": part,
        "pod_cidrs": context.pod_cidrs,
        "pod_cidr": context.pod_cidrs.get(context.node.name, ""),
        "revision": "",
        **values,
        **extra,
    }
    try:
        template = _environment().get_template(name)
        if revised:
            variables["revision"] = sha256(template.render(variables).encode())[:16]
        return template.render(variables)
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", None)
        raise KubeupError(
            f"the template {name} cannot be rendered for {part.name} on {context.node.title}",
            evidence=[f"line {line}: {error}" if line else str(error)],
            fix="mend the template",
        ) from error


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(folder("templates"))),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def merge_config(text: str, override: Mapping[str, Value]) -> str:
    """A settings file with the profile's values over kubeup's, comments kept; mappings merge, all else replaces."""
    yaml = YAML()
    yaml.width = 10_000
    # Kubernetes reads YAML 1.1, where `yes` and 1001 are words only in quotes.
    yaml.preserve_quotes = True
    document = yaml.load(text)
    _merge(document, override)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def merge_json(text: str, override: Mapping[str, Value]) -> str:
    """The same for a program that reads JSON alone: YAML's braces may have words without quotes in them."""
    document = json.loads(text)
    _merge(document, override)
    return json.dumps(document, indent=2) + "\n"


def _merge(target: dict[str, object], override: Mapping[str, Value]) -> None:
    for key, value in override.items():
        current = target.get(key)
        if isinstance(value, Mapping) and isinstance(current, dict):
            _merge(current, value)
        else:
            target[key] = _thaw(value)


def _thaw(value: Value) -> object:
    if isinstance(value, Mapping):
        return {key: _thaw(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_thaw(item) for item in value]
    return value

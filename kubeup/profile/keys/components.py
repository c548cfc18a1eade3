"""Settings of the user's for one component, which win over kubeup's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from kubeup import components
from kubeup.components.base import Component
from kubeup.components.settings import Owned
from kubeup.model.cluster import Override, Value
from kubeup.profile.keys import forms
from kubeup.profile.keys.base import Form, Group, ProfileKey, read_keys
from kubeup.profile.reading import ParseContext
from kubeup.profile.tree import Key, YamlValue


def _flag(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    text = forms.as_text(item, key, reading)
    if text is not None and re.search(r"\s", text):
        fix = "take the component's config"
        reading.error(item, "a flag's value cannot hold blanks: systemd splits it there", fix)
    elif text is not None and re.search(r"[\"'\\]", text):
        reading.error(
            item, "a flag's value cannot hold quotes or backslashes: systemd takes them out", "leave them out"
        )
    return text


def _flags(value: YamlValue, key: ProfileKey, reading: ParseContext) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, item in value.entries:
        items = item.items if item.kind == "list" else (item,)
        if not items or any(one.kind == "null" for one in items):
            example = f"write its value: {name.text}: VALUE"
            reading.error(name, f"the flag `{name.text}` has no value", f"{example}; or take it out")
        texts = [_flag(one, key, reading) for one in items]
        plain = name.text.lstrip("-")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", plain):
            reading.error(name, f"`{name.text}` is not a flag's name", f"write it like this: {key.line}")
        elif plain in found:
            reading.error(name, f"the flag `{plain}` stands above already", "put all of its values in one list")
        found[plain] = tuple(text for text in texts if text is not None)
    return found


def _refuse_flags(part: Component, flags: YamlValue, reading: ParseContext) -> None:
    for name, item in flags.entries:
        owned = part.settings.flag(name.text.lstrip("-"))
        if owned is not None and not (item.kind == "text" and item.text in owned.bears):
            _refuse(part, name, name.text, owned, reading)
        kept = part.settings.kept.get(name.text.lstrip("-").replace("_", "-"))
        for one in item.items if item.kind == "list" else (item,):
            if kept and kept in one.text.split(","):
                reading.error(one, f"the cluster needs {kept}: {part.name} would not start", f"leave {kept} out")


def _refuse_config(part: Component, config: YamlValue, reading: ParseContext) -> None:
    for path, owned in part.settings.config.items():
        at, item = _find(config, path.split("."))
        if at is not None and not (item.kind == "text" and item.text in owned.bears):
            _refuse(part, at, path, owned, reading)


def _find(config: YamlValue, path: Sequence[str]) -> tuple[Key | None, YamlValue]:
    """The key that says a setting, or that leaves no room for it, with its value. In any case: of those that read
    JSON, some take both."""
    at, item = None, config
    for word in path:
        if item.kind != "mapping":
            break
        said = [(key, value) for key, value in item.entries if key.text.lower() == word.lower()]
        if not said:
            return None, item
        at, item = said[-1]
    return at, item


def _refuse(part: Component, at: Key, name: str, owned: Owned, reading: ParseContext) -> None:
    bears = f"; {' or '.join(owned.bears)} does no harm" if owned.bears else ""
    reading.error(at, f"`{name}` of {part.name} cannot be said here: {owned.why}", f"{owned.instead}{bears}")


def freeze(value: YamlValue) -> Value:
    """A settings value as YAML 1.2 reads it: true, 12, 0.5, words; lists are tuples."""
    if value.kind == "mapping":
        return {key.text: freeze(item) for key, item in value.entries}
    if value.kind == "list":
        return tuple(freeze(item) for item in value.items)
    if value.kind == "null":
        return None
    return value.text if value.quoted else _scalar(value.text)


def _scalar(text: str) -> str | int | float | bool:
    if text in ("true", "True", "false", "False"):
        return text.lower() == "true"
    readers: tuple[tuple[str, Callable[[str], int | float]], ...] = (
        # Longer ones are words: no setting is that large, and Python reads no more than 4300 digits.
        ("[-+]?[0-9]{1,18}", int),
        (r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?", float),
    )
    for form, reader in readers:
        if re.fullmatch(form, text):
            return reader(text)
    return text


WHAT = "key of a component"
SETTINGS = (
    ProfileKey(
        "config",
        Form("a mapping", lambda value, *_: freeze(value), "mapping"),
        "merged into the component's configuration file",
        example="{maxPods: 200}",
        goes="config",
    ),
    ProfileKey(
        "flags",
        Form("a mapping", _flags, "mapping"),
        "into /etc/default/NAME, which its unit reads; a list is the flag given several times; "
        "`enable-admission-plugins`, `authorization-mode` and etcd's `feature-gates` are added to kubeup's own",
        example="{v: 2}",
        goes="flags",
    ),
)


def _taken(part: Component) -> tuple[ProfileKey, ...]:
    """Those of SETTINGS that it reads."""
    takes = {"config": part.takes_config, "flags": part.takes_flags}
    return tuple(key for key in SETTINGS if takes[key.name])


def _refused(key: ProfileKey, part: Component, instead: str) -> ProfileKey:
    """A setting that nothing would read: it is told, not dropped."""

    def read(value: YamlValue, _: ProfileKey, reading: ParseContext) -> None:
        reading.error(value, f"{part.name} reads no `{key.name}` of a profile", instead)

    return replace(key, form=Form(key.form.words, read, ""))


def _row(part: Component) -> ProfileKey:
    name, taken = part.name.replace("-", "_"), _taken(part)
    example = "{flags: {v: 2}}" if part.takes_flags else "{}"
    if part.name == "kubelet":
        example = "{config: {maxPods: 200}, flags: {v: 2}}"
    instead = f"it reads {' and '.join(key.name for key in taken)}: {name}: {example}"
    if not taken:
        version = f"; its version is in versions: {{{part.release.program.key}: ...}}" if part.release else ""
        instead = f"kubeup decides how it is set up{version}"
    keys = tuple(key if key in taken else _refused(key, part, instead) for key in SETTINGS)

    def read(value: YamlValue, _: ProfileKey, reading: ParseContext) -> Override:
        for section, refuse in (("config", _refuse_config), ("flags", _refuse_flags)):
            said = value.said(section)
            if said is not None and said.kind == "mapping":
                refuse(part, said, reading)
        return Override(**read_keys(keys, value, reading, WHAT))

    return ProfileKey(
        name,
        Form("a mapping", read, "mapping"),
        f"settings of {part.name}{'' if taken else ': it has none, and they are refused'}",
        example=example,
        goes=f"overrides.{part.name}",
        keys=taken,
        also=(part.name,) if part.name != name else (),
    )


GROUP = Group(
    title="Settings of components",
    keys=tuple(_row(part) for part in components.ALL if part.has_settings),
    text="Settings of yours win over kubeup's. `kube-proxy` does as well as `kube_proxy`. A path, a port or a "
    "certificate that kubeup itself goes by (etcd's `data-dir`, kubelet's `root-dir`, each `secure-port`) cannot be "
    "moved: it is refused at its line, with what there is instead, such as a disk mounted there.",
)

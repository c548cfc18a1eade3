"""What is read where there is no ssh, held against ssh itself."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeup.node.ssh import configuration, sshconfig, without_ssh
from kubeup.node.ssh.sshconfig import Target

NAMES = ("web", "web1", "db", "gate")
PATTERNS = ("*", "web", "web*", "w?b", "db gate", "!web *", "* !db")
VALUES = {
    "User": ("root", "bob"),
    "Port": ("22", "2222"),
    "HostName": ("192.0.2.1", "%h.example.com", "2001:db8::1"),
    "IdentityFile": ("~/.ssh/id_rsa", "~/k/%h", "%d/%r", "/keys/%u", "none"),
    "CertificateFile": ("/keys/one-cert.pub",),
    "IdentitiesOnly": ("yes", "no"),
    "IdentityAgent": ("none", "SSH_AUTH_SOCK", "~/agent"),
    "UserKnownHostsFile": ("/dev/null", "/a /b", "~/known"),
    "GlobalKnownHostsFile": ("/dev/null",),
    "HostKeyAlias": ("known",),
    "HashKnownHosts": ("yes", "no"),
    "ProxyJump": ("none", "over", "bob@over:2222,inner"),
    "ServerAliveInterval": ("5",),
}
setting = st.sampled_from(sorted(VALUES)).flatmap(
    lambda key: st.tuples(st.sampled_from([key, key.lower(), f"  {key}"]), st.sampled_from(["=", " ", " = "]),
                          st.sampled_from(VALUES[key]))
)  # fmt: skip
line = st.one_of(
    setting.map("".join),
    st.sampled_from(PATTERNS).map("Host {}".format),
    st.sampled_from(["# words", " # don't # Include"]),
    st.just(""),
)


def target(found: sshconfig.Settings, host: str) -> Target:
    return sshconfig.target(found, host, host)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(line, max_size=12), st.sampled_from(NAMES), st.sampled_from(["", "eve"]), st.sampled_from([None, 7]))
def test_a_plain_configuration_means_without_ssh_what_it_means_to_ssh(
    tmp_path: Path, lines: list[str], host: str, user: str, port: int | None
) -> None:
    path = tmp_path / "config"
    path.write_text("\n".join(lines))
    asked = configuration.Configuration(str(path)).look_up(host, host, user, port)
    assert target(without_ssh.settings(str(path), host, user, port), host) == target(asked, host)

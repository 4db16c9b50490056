"""The ways in which programs come here: a line, a start-up hook, a name and a certificate; and what the docs show of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import plivo
import pytest
import requests

from .conftest import HELPERS, MAIN, ROOT, TOKEN, blocks, plivo_here

PROGRAM = """
import sys
import plivo

client = plivo.RestClient(sys.argv[1], sys.argv[2], timeout=60)
print(client.account.get().auth_id, len(client.applications.list().objects))
"""


def _run(program: str, *arguments: str, path: list[Path], **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OFFHOOK_", "PYTHON"))}
    search = os.pathsep.join(str(each) for each in path)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**clean, "PYTHONPATH": search, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_program_that_is_not_changed_comes_here_by_a_start_up_hook(url: str) -> None:
    done = _run(PROGRAM, MAIN, TOKEN, path=[HELPERS], OFFHOOK_URL=url)
    assert (done.returncode, done.stdout.split()[:1]) == (0, [MAIN]), done.stderr


def test_without_a_url_the_hook_does_nothing() -> None:
    program = "import plivo.rest.client as sdk; print(sdk.API_VOICE_BASE_URI, sdk.CALLINSIGHTS_BASE_URL)"
    done = _run(program, path=[HELPERS])
    assert done.stdout.split() == ["https://api.plivo.com/v1/Account", "https://stats.plivo.com"], done.stderr


def test_a_program_without_the_sdk_does_not_load_it(url: str) -> None:
    done = _run("import sys; print('plivo' in sys.modules)", path=[HELPERS], OFFHOOK_URL=url)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_another_start_up_hook_still_runs(url: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.other_ran = True")
    program = "import builtins, plivo.rest.client as sdk; print(builtins.other_ran, sdk.API_VOICE_BASE_URI)"
    done = _run(program, path=[HELPERS, tmp_path], OFFHOOK_URL=url)
    assert done.stdout.split() == ["True", f"{url}/v1/Account"], done.stderr


@pytest.mark.parametrize("bad", ["", "voice.example.com", "ftp://voice.example.com", "http://voice.example.com/v1/Account"])
def test_what_is_no_address_of_a_node_is_said_at_once(bad: str, untouched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OFFHOOK_URL", raising=False)
    with pytest.raises(ValueError, match="is no address of a node"):
        plivo_here.use(bad)


def test_an_adapter_on_the_session_leaves_the_sdk_untouched(url: str, untouched: None) -> None:
    class Elsewhere(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **more: Any) -> Any:
            request.url = request.url.replace("https://api.plivo.com", url)
            return super().send(request, *arguments, **more)

    client = plivo.RestClient(MAIN, TOKEN, timeout=60)
    client.session.mount("https://api.plivo.com", Elsewhere())
    assert client.account.get().auth_id == MAIN
    assert client.calls.list().meta.limit == 20


@pytest.fixture
def resolved(named: Any, untouched: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``api.plivo.com`` is the node, as a line in ``/etc/hosts`` would have it; returns the file of the authority."""
    node, authority = named
    ask = socket.getaddrinfo

    def resolve(host: Any, port: Any, *more: Any, **others: Any) -> Any:
        if host == "api.plivo.com":
            return ask("127.0.0.1", node.http_port, *more, **others)
        return ask(host, port, *more, **others)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return Path(authority)


def test_by_name_and_certificate_nothing_of_the_program_is_changed(resolved: Path) -> None:
    client = plivo.RestClient(MAIN, TOKEN, timeout=60)
    client.session.verify = str(resolved)
    made = client.applications.create("by name", answer_url="https://a.example/")
    assert client.applications.get(made.app_id).app_name == "by name"
    client.applications.delete(made.app_id)
    with pytest.raises(plivo.exceptions.AuthenticationError):
        other = plivo.RestClient(MAIN, "wrong", timeout=60)
        other.session.verify = str(resolved)
        other.calls.list()


def test_a_certificate_of_somebody_else_is_not_believed(resolved: Path) -> None:
    client = plivo.RestClient(MAIN, TOKEN, timeout=60)
    with pytest.raises(requests.exceptions.SSLError):
        client.account.get()


def test_the_lines_of_the_readme_place_a_call(url: str, client: plivo.RestClient) -> None:
    [block] = [each for each in blocks("README.md", "py") if "plivo_here" in each]
    block = block.replace("http://127.0.0.1:8080", url).replace("MAXXXXXXXXXXXXXXXXXX", MAIN).replace("the token", TOKEN)
    block = block.replace("14155550100", "sip:nobody@127.0.0.1:9") + "\nprint(call.request_uuid)\n"
    done = _run(block, path=[HELPERS])
    assert len(done.stdout.strip()) == 36, done.stderr
    client.calls.cancel(done.stdout.strip())


def test_the_lines_of_the_page_make_an_application(url: str, client: plivo.RestClient) -> None:
    [block] = [each for each in blocks("docs/api.md", "py") if "plivo_here" in each]
    block = block.replace("http://127.0.0.1:8080", url).replace("MAXXXXXXXXXXXXXXXXXX", MAIN).replace("the token", TOKEN)
    done = _run(block, path=[HELPERS])
    assert done.returncode == 0, done.stderr
    [made] = [each for each in client.applications.list() if each.app_name == "ivr"]
    client.applications.delete(made.app_id)


def test_the_line_of_the_readme_starts_a_program_that_is_not_changed(url: str, tmp_path: Path) -> None:
    [line] = [
        each
        for block in blocks("README.md", "sh")
        for each in block.splitlines()
        if "sitecustomize" in each or " python " in each
    ]
    program = tmp_path / "your_program.py"
    program.write_text(PROGRAM)
    line = line.replace("http://127.0.0.1:8080", url).replace("your_program.py", f"{program} {MAIN} '{TOKEN}'")
    line = line.replace(" python ", f" {sys.executable} ")
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split()[:1] == [MAIN], done.stderr

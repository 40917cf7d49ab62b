"""What a newcomer sees after `make lab`: Chromium opens JupyterLab and runs the first notebooks' cells."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from labkit.__main__ import FIRST_NOTEBOOK

ROOT = Path(__file__).resolve().parents[2]
RDS = "notebooks/week6/02-rds.ipynb"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFF_THE_NETWORK = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"),
        reason="no Chromium: apt install chromium",
    ),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start `make lab`'s command on a copy of the course and give the address it prints."""
    course = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    environment = os.environ | {
        "LOCALAWS_STATE": str(tmp_path_factory.mktemp("state")),
        "LAB_BACKEND": "local",
        "HOME": str(tmp_path_factory.mktemp("home")),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "labkit", "--LabApp.expose_app_in_browser=True", "--no-browser"]
    server = subprocess.Popen(
        command, cwd=course, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert server.stdout is not None
    seen: list[str] = []
    try:
        for line in server.stdout:
            seen.append(line)
            if address := re.search(r"http://127\.0\.0\.1:\d+/lab\S*token=\w+", line):
                break
        else:
            pytest.fail("JupyterLab printed no address:\n" + "".join(seen))
        yield address.group()
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "Chromium is not installed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFF_THE_NETWORK)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser: Browser, lab: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.goto(lab)
    ready(page, FIRST_NOTEBOOK)
    yield page
    page.close()


@pytest.fixture(scope="module")
def rds(page: Page) -> Page:
    """The RDS notebook, opened beside the first one."""
    page.evaluate("path => void window.jupyterapp.commands.execute('docmanager:open', {path})", RDS)
    ready(page, RDS)
    return page


def ready(page: Page, notebook: str) -> None:
    """Wait until the notebook is in front, with its kernel."""
    page.wait_for_function(
        """path => {
            const shown = window.jupyterapp?.shell.currentWidget;
            return shown?.context?.path === path && shown.content?.widgets?.length > 5
                && shown.sessionContext?.session?.kernel?.status === 'idle';
        }""",
        arg=notebook,
        timeout=90_000,
    )


def run_cell(page: Page, words: str) -> Any:
    """Run the first code cell that contains `words`; give its output area."""
    index = page.evaluate(
        """async (words) => {
            const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
            const index = notebook.widgets.findIndex(
                w => w.model.type === 'code' && w.model.sharedModel.source.includes(words));
            if (index < 0) throw new Error('no cell contains ' + words);
            await notebook.scrollToItem(index);
            notebook.activeCellIndex = index;
            notebook.deselectAll();
            await app.commands.execute('notebook:run-cell');
            return index;
        }""",
        words,
    )
    # a notebook in the background keeps its cells in the page
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    return shown.locator(f'.jp-Cell[data-windowed-list-index="{index}"] .jp-OutputArea').first


def run_above(page: Page, words: str) -> None:
    """Run every code cell before the first one that contains `words`, as a reader does, one by one."""
    page.evaluate(
        """async (words) => {
            const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
            for (let i = 0; i < notebook.widgets.length; i++) {
                const cell = notebook.widgets[i];
                if (cell.model.type !== 'code') continue;
                if (cell.model.sharedModel.source.includes(words)) return;
                notebook.activeCellIndex = i;
                notebook.deselectAll();
                await app.commands.execute('notebook:run-cell');
            }
            throw new Error('no cell contains ' + words);
        }""",
        words,
    )


def test_the_first_cell_shows_the_banner(page: Page) -> None:
    banner = run_cell(page, "%load_ext labkit")
    banner.get_by_text("123456789012").wait_for(timeout=60_000)
    assert "us-east-1" in banner.inner_text()


def test_a_knob_is_turned_and_its_picture_follows(page: Page) -> None:
    run_cell(page, "import boto3, labkit")
    trainer = run_cell(page, "labkit.trainer()")
    trainer.get_by_text("Say the deciding requirement aloud first").wait_for(timeout=60_000)
    sessions = trainer.locator("option", has_text="Sessions").inner_text()
    trainer.locator("select").select_option(sessions)
    trainer.get_by_role("button", name="RDS").click()
    trainer.get_by_text("Not RDS: 15,000 connections").wait_for(timeout=20_000)
    trainer.get_by_role("button", name="DynamoDB").click()
    trainer.get_by_text("DynamoDB: one key, no joins").wait_for(timeout=20_000)
    # the still picture, for pages without a kernel, is not shown beside it
    assert trainer.get_by_text("what decides").count() == 0


def test_the_topology_is_drawn_from_the_live_account(rds: Page) -> None:
    run_above(rds, "topology()")
    picture = run_cell(rds, "topology()").locator(".jp-RenderedSVG img, .jp-RenderedHTMLCommon svg").first
    picture.wait_for(timeout=60_000)
    drawn = picture.bounding_box()
    assert drawn is not None
    assert drawn["width"] > 300
    assert "10.0.0.0/16" in unquote(picture.evaluate("it => it.src || it.outerHTML"))


def test_a_check_shows_its_table_and_names_what_is_missing(rds: Page) -> None:
    run_above(rds, 'check("lab-6.1"')
    output = run_cell(rds, 'check("lab-6.1"')
    output.locator(".labkit-check table").wait_for(timeout=60_000)
    assert "0 of 10 points so far" in output.inner_text()

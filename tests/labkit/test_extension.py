"""In a real kernel: the extension, the chooser, short errors, and a reset under a running notebook."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from .conftest import Lab


def run(*cells: str, **variables: str) -> list[Any]:
    """Execute the cells in a new kernel and return each one's outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=90, allow_errors=True, kernel_name="python3")
    client.execute(env=os.environ | variables)
    return [cell.outputs for cell in notebook.cells]


def text(outputs: Any) -> str:
    return json.dumps(outputs, ensure_ascii=False)


def test_loading_shows_the_banner_and_makes_plain_boto3_work(lab: Lab) -> None:
    loaded, again, identity, chooser = run(
        "%load_ext labkit",
        "%reload_ext labkit",
        "import boto3\nboto3.client('sts').get_caller_identity()['Account']",
        "import labkit\nbox = labkit.choose()\nbox.children[0].children[1].click()\nbox.children[1].value",
        LOCALAWS_STATE=lab.variables["LOCALAWS_STATE"],
    )
    banner = loaded[0]["data"]
    assert "localaws (embedded)" in banner["text/html"]
    assert "123456789012" in banner["text/plain"]
    assert [output["output_type"] for output in again] == ["display_data"]
    assert "123456789012" in text(identity)
    assert "labkit-banner" in text(chooser)


@pytest.mark.parametrize("command", ["%load_ext labkit", "import labkit\nlabkit.topology()"])
def test_a_back_end_that_is_not_there_is_one_line(command: str) -> None:
    (outputs,) = run(command, LAB_BACKEND="localstack", LOCALSTACK_ENDPOINT="http://127.0.0.1:9")
    (error,) = outputs
    assert error["ename"] == "BackendError"
    assert len(error["traceback"]) == 1
    assert "go back with LAB_BACKEND=local" in error["traceback"][0]


def test_reset_empties_the_account_under_a_running_kernel(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    try:
        *_, made, emptied, ended = run(
            "%load_ext labkit\nimport boto3, labkit",
            "ddb = boto3.client('dynamodb')\n"
            "ddb.create_table(TableName='carts', BillingMode='PAY_PER_REQUEST',"
            " AttributeDefinitions=[dict(AttributeName='k', AttributeType='S')],"
            " KeySchema=[dict(AttributeName='k', KeyType='HASH')])\n"
            "ddb.list_tables()['TableNames']",
            "labkit.reset()\n[aws.list_tables()['TableNames'] for aws in (ddb, boto3.client('dynamodb'))]",
            "!{__import__('sys').executable} -m localaws stop",
            LOCALAWS_STATE=state,
        )
    finally:
        os.environ["LOCALAWS_STATE"] = state
        from labkit import local

        local.run_localaws("stop")
    assert "['carts']" in text(made)
    assert "[[], []]" in text(emptied)
    assert "Stopped" in text(ended)

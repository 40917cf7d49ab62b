"""How far Redshift goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Clusters: create, describe, pause, resume, delete",
        "modelled",
        "`available` once the cluster's database is there: one DuckDB file on this machine. No nodes and no "
        "slices: the number of nodes makes nothing faster.",
    ),
    Feature(
        "Endpoint on port 5439",
        "absent",
        "`Endpoint` is missing in the description: ask through the Data API (`redshift-data`).",
    ),
    Feature("Snapshots, restore, resize", "absent", "Snapshots are refused; UNLOAD to S3 and COPY back."),
    Feature("Serverless namespaces and workgroups", "absent", "Use a cluster."),
)

"""Amazon CloudWatch: metrics of the running servers, alarms that are evaluated, dashboards."""

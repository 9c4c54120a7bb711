# SPDX-License-Identifier: Apache-2.0
"""Answers with what the modules mod_wsgi and apache say."""

import json

import apache
import mod_wsgi


def application(environ, start_response):
    facts = {
        "apache.version": apache.version,
        "apache.description": apache.description,
        "apache.build_date": apache.build_date,
        "apache.mpm_name": apache.mpm_name,
        "apache.maximum_processes": apache.maximum_processes,
        "apache.threads_per_process": apache.threads_per_process,
        "mod_wsgi.version": mod_wsgi.version,
        "mod_wsgi.process_group": mod_wsgi.process_group,
        "mod_wsgi.application_group": mod_wsgi.application_group,
        "mod_wsgi.maximum_processes": mod_wsgi.maximum_processes,
        "mod_wsgi.threads_per_process": mod_wsgi.threads_per_process,
        "mod_wsgi.FileWrapper": environ["wsgi.file_wrapper"] is mod_wsgi.FileWrapper,
        "mod_wsgi.process_metrics": mod_wsgi.process_metrics(),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(facts).encode()]

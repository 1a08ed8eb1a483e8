# Everything that a run wrote -> one page.


rule save_config:
    output:
        config=f"{ROOT}/config.json",
    log:
        f"{ROOT}/logs/config.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=100,
        runtime=5,
    params:
        config=to_json(RECIPE),
    shell:
        "printf '%s\\n' {params.config:q} > {output.config:q} 2> {log:q}"


rule make_report:
    input:
        config=rules.save_config.output.config,
        scores=STAGES.get("score", []),
        trained=[
            file
            for name in (*RECIPE.gmm, *RECIPE.trained_networks)
            for file in STAGES[name]
        ],
        aligned=STAGES.get("align", []),
    output:
        page=f"{ROOT}/report/index.html",
        results=f"{ROOT}/report/results.json",
        published=f"{ROOT}/report/RESULTS.md",
    log:
        f"{ROOT}/logs/report.log",
    benchmark:
        f"{ROOT}/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        root=subpath(input.config, parent=True),
        output_dir=subpath(output.page, parent=True),
        code=CODE.of("pipeline.bin.make_report"),
    shell:
        "python -m pipeline.bin.make_report --root {params.root:q} --config {input.config:q}"
        " --output-dir {params.output_dir:q} &> {log:q}"

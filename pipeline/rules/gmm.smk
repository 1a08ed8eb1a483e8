# The ladder of GMM-HMMs: each rung is one job for a split, its iterations run inside.


for rung in RECIPE.gmm:

    rule:
        name:
            f"train_{rung}"
        input:
            rules.prepare_lang.output,
            rules.merge_features.output.archives,
            **start_files(RECIPE, f"{ROOT}/{{split}}", rung),
            lang=rules.prepare_lang.output.lang,
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
            cmvn=f"{ROOT}/{{split}}/data/train/cmvn.ark",
        output:
            **GMM,
        log:
            f"{ROOT}/logs/{{split}}/{{rung}}/train.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{{rung}}/train.tsv"
        wildcard_constraints:
            rung=rung,
        priority: 1  # the chain that all else waits for, before searches
        conda:
            "../../environment.yml"
        threads: 2
        resources:
            mem_mb=4000,
            runtime=120,
        params:
            lang_dir=subpath(input.lang, parent=True),
            start=lambda wildcards, input: start_arguments(input),
            options=to_json(RECIPE.gmm[rung]),
            align_options=to_json(RECIPE.align),
            seed=RECIPE.seed,
            output_dir=subpath(output.hmm, parent=True),
            code=CODE.of("pipeline.bin.train_gmm"),
        shell:
            "python -m pipeline.bin.train_gmm --lang {params.lang_dir:q} --cuts {input.cuts:q}"
            " --cmvn {input.cmvn:q} {params.start} --options {params.options:q}"
            " --align-options {params.align_options:q} --seed {params.seed}"
            " --num-threads {threads} --output-dir {params.output_dir:q} &> {log:q}"

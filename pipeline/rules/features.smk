# Audio -> feature archives, the cuts of each split's sets, and their cepstral means and variances.


rule extract_features:
    input:
        rules.prepare_data.output.recordings,
        supervisions=rules.prepare_data.output.supervisions,
    output:
        ark=f"{ROOT}/features/{{shard}}/feats.ark",
        scp=f"{ROOT}/features/{{shard}}/feats.scp",
        rejected=f"{ROOT}/features/{{shard}}/rejected.tsv",
    log:
        f"{ROOT}/logs/features/{{shard}}.log",
    benchmark:
        f"{ROOT}/benchmarks/features/{{shard}}.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=to_json(RECIPE.features),
        data_dir=subpath(input.supervisions, parent=True),
        output_dir=subpath(output.ark, parent=True),
        code=CODE.of("pipeline.bin.extract_features"),
    shell:
        "python -m pipeline.bin.extract_features --options {params.options:q}"
        " --data-dir {params.data_dir:q} --shard {wildcards.shard} --num-threads {threads}"
        " --output-dir {params.output_dir:q} &> {log:q}"


rule merge_features:
    input:
        recordings=rules.prepare_data.output.recordings,
        supervisions=rules.prepare_data.output.supervisions,
        shards=expand(
            "{root}/features/{shard}/{name}",
            root=ROOT,
            shard=range(RECIPE.features.num_shards),
            name=["feats.ark", "feats.scp", "rejected.tsv"],
        ),
    output:
        cuts=f"{ROOT}/features/cuts.jsonl.gz",
    log:
        f"{ROOT}/logs/features/merge.log",
    benchmark:
        f"{ROOT}/benchmarks/features/merge.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        options=to_json(RECIPE.features),
        max_rejected_fraction=RECIPE.corpus.max_rejected_fraction,
        data_dir=subpath(input.supervisions, parent=True),
        features_dir=subpath(output.cuts, parent=True),
        code=CODE.of("pipeline.bin.merge_features"),
    shell:
        "python -m pipeline.bin.merge_features --options {params.options:q}"
        " --data-dir {params.data_dir:q} --max-rejected-fraction {params.max_rejected_fraction}"
        " --features-dir {params.features_dir:q} &> {log:q}"


rule split_data:
    input:
        splits=rules.prepare_data.output.splits,
        cuts=rules.merge_features.output.cuts,
    output:
        cuts=f"{ROOT}/{{split}}/data/{{set}}/cuts.jsonl.gz",
    log:
        f"{ROOT}/logs/{{split}}/data/{{set}}_cuts.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/data/{{set}}_cuts.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=CODE.of("pipeline.bin.split_data"),
    shell:
        "python -m pipeline.bin.split_data --splits {input.splits:q} --cuts {input.cuts:q}"
        " --split {wildcards.split} --set {wildcards.set} --output {output.cuts:q} &> {log:q}"


rule compute_cmvn:
    input:
        rules.merge_features.input.shards,
        cuts=rules.split_data.output.cuts,
    output:
        cmvn=f"{ROOT}/{{split}}/data/{{set}}/cmvn.ark",
    log:
        f"{ROOT}/logs/{{split}}/data/{{set}}_cmvn.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/data/{{set}}_cmvn.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        norm_vars="--norm-vars" if RECIPE.features.norm_vars else "",
        code=CODE.of("pipeline.bin.compute_cmvn"),
    shell:
        "python -m pipeline.bin.compute_cmvn --cuts {input.cuts:q} {params.norm_vars}"
        " --output {output.cmvn:q} &> {log:q}"

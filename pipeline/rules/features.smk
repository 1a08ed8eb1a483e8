# Audio -> feature archives, the cuts of each split's sets, and their cepstral means and variances.
#
# There may be thousands of shards: each needs one file (manifests.json: the checksums of the two
# manifests) and declares one (feats.scp and rejected.tsv lie beside it), since Snakemake looks at
# each file of each job several times. Later jobs do not name them all but depend on archives.json,
# which says that all are there and goes as soon as one is lost (drop_stale_list in the Snakefile).


rule extract_features:
    input:
        manifests=rules.prepare_data.output.manifests,
    output:
        ark=f"{ROOT}/features/{{shard}}/feats.ark",
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
        code=CODE.of("pipeline.bin.extract_features"),
    shell:
        "python -m pipeline.bin.extract_features --options {params.options:q}"
        " --manifests {input.manifests:q} --shard {wildcards.shard} --num-threads {threads}"
        " --output {output.ark:q} &> {log:q}"


rule merge_features:
    # Plain paths: of an input that names a rule (rules.x.output), Snakemake would hash the whole
    # list of shards for each of them.
    input:
        recordings=f"{ROOT}/data/recordings.jsonl.gz",
        supervisions=f"{ROOT}/data/supervisions.jsonl.gz",
        shards=[
            f"{ROOT}/features/{shard}/feats.ark"
            for shard in range(RECIPE.features.num_shards)
        ],
    output:
        cuts=f"{ROOT}/features/cuts.jsonl.gz",
        archives=f"{ROOT}/features/archives.json",
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
        models=lambda wildcards: models_arguments(RECIPE, wildcards.split),
        code=CODE.of("pipeline.bin.split_data"),
    shell:
        "python -m pipeline.bin.split_data --splits {input.splits:q} --cuts {input.cuts:q}"
        " --split {wildcards.split} --set {wildcards.set} {params.models} --output {output.cuts:q} &> {log:q}"


rule compute_cmvn:
    input:
        rules.merge_features.output.archives,
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

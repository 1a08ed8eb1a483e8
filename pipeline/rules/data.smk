# Corpus -> checked manifests, lexicon and splits.


rule prepare_data:
    # rejected.tsv is not declared, here and below: Snakemake would delete it when the job fails,
    # just when it is wanted.
    output:
        **corpus_text(RECIPE),
        recordings=f"{ROOT}/data/recordings.jsonl.gz",
        supervisions=f"{ROOT}/data/supervisions.jsonl.gz",
        lexicon=f"{ROOT}/data/lexicon.txt",
        splits=f"{ROOT}/data/splits.json",
        manifests=f"{ROOT}/data/manifests.json",
    log:
        f"{ROOT}/logs/data.log",
    benchmark:
        f"{ROOT}/benchmarks/data.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        corpus=to_json(RECIPE.corpus),
        sampling_rate=RECIPE.features.sampling_rate,
        frame_length_ms=RECIPE.features.frame_length_ms,
        seed=RECIPE.seed,
        output_dir=subpath(output.recordings, parent=True),
        with_text="--with-text" if corpus_text(RECIPE) else "",
        code=CODE.of("pipeline.bin.prepare_data", f"local.{RECIPE.corpus.name}"),
    shell:
        "python -m pipeline.bin.prepare_data --corpus {params.corpus:q}"
        " --sampling-rate {params.sampling_rate} --frame-length-ms {params.frame_length_ms}"
        " --seed {params.seed} --num-threads {threads} {params.with_text} --output-dir {params.output_dir:q}"
        " &> {log:q}"

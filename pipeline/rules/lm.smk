# A text, or a split's transcripts -> an LSTM language model of the lang's words, for rescoring.


rule train_lm:
    input:
        rules.prepare_lang.output,
        lang=rules.prepare_lang.output.lang,
        files=lambda wildcards: lm_sources(RECIPE, wildcards.lm),
    output:
        **lm_files(f"{ROOT}/lang/lms/{{lm}}"),
    log:
        f"{ROOT}/logs/lms/{{lm}}.log",
    benchmark:
        f"{ROOT}/benchmarks/lms/{{lm}}.tsv"
    conda:
        "../../environment.yml"
    threads: lambda wildcards: RECIPE.lms[wildcards.lm].num_threads
    resources:
        mem_mb=3000,
        runtime=600,
    params:
        lang_dir=subpath(input.lang, parent=True),
        options=lambda wildcards: to_json(lm_options(RECIPE, wildcards.lm)),
        cuts="",
        seed=RECIPE.seed,
        output_dir=subpath(output.model, parent=True),
        code=CODE.of("pipeline.bin.train_lm"),
    shell:
        "python -m pipeline.bin.train_lm --lang {params.lang_dir:q} --options {params.options:q}"
        " {params.cuts} --seed {params.seed} --output-dir {params.output_dir:q} &> {log:q}"


use rule train_lm as train_split_lm with:
    input:
        rules.prepare_lang.output,
        lang=rules.prepare_lang.output.lang,
        cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
        files=lambda wildcards: lm_sources(RECIPE, wildcards.lm),
    output:
        **lm_files(f"{ROOT}/{{split}}/lms/{{lm}}"),
    log:
        f"{ROOT}/logs/{{split}}/lms/{{lm}}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/lms/{{lm}}.tsv"
    params:
        lang_dir=subpath(input.lang, parent=True),
        options=lambda wildcards: to_json(lm_options(RECIPE, wildcards.lm)),
        cuts=lambda wildcards, input: shlex.join(["--cuts", input.cuts]),
        seed=RECIPE.seed,
        output_dir=subpath(output.model, parent=True),
        code=CODE.of("pipeline.bin.train_lm"),

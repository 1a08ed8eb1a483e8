# Hypotheses against the reference -> word error rates; of a network's training, by epoch.


rule score:
    input:
        unpack(lambda wildcards: tuning_files(RECIPE, wildcards)),
        hypotheses=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/hypotheses.jsonl",
        cuts=f"{ROOT}/{{split}}/data/test/cuts.jsonl.gz",
    output:
        wer=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/wer.json",
        ref=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/ref.trn",
        hyp=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/hyp.trn",
    log:
        f"{ROOT}/logs/{{split}}/score/{{model}}_{{grammar}}_{{decoder}}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/score/{{model}}_{{grammar}}_{{decoder}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        options=to_json(RECIPE.decode, [*WEIGHTS, "count_as"]),
        seed=RECIPE.seed,
        tuning=lambda wildcards, input: tuning_arguments(input),
        output_dir=subpath(output.wer, parent=True),
        code=CODE.of("pipeline.bin.score"),
    shell:
        "python -m pipeline.bin.score --hypotheses {input.hypotheses:q} --cuts {input.cuts:q}"
        " {params.tuning} --options {params.options:q} --seed {params.seed}"
        " --output-dir {params.output_dir:q}"
        " &> {log:q}"


rule wer_by_epoch:
    # Only of networks that ask for it, with the graph of the first grammar.
    input:
        rules.merge_features.output.archives,
        list(NNET.values()),
        unpack(
            lambda wildcards: training_adaptation_files(
                RECIPE, f"{ROOT}/{wildcards.split}", wildcards.net
            )
        ),
        model=NNET["model"],
        held_out=f"{ROOT}/{{split}}/{{net}}/epochs/held_out.txt",
        words=rules.prepare_lang.output.words,
        graph=f"{ROOT}/{{split}}/graph/{{net}}/{FIRST_GRAMMAR}/HCLG.fst",
        summary=f"{ROOT}/{{split}}/graph/{{net}}/{FIRST_GRAMMAR}/graph.json",
        cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
        cmvn=f"{ROOT}/{{split}}/data/train/cmvn.ark",
    output:
        wer=f"{ROOT}/{{split}}/{{net}}/wer_by_epoch.json",
    log:
        f"{ROOT}/logs/{{split}}/score/{{net}}_by_epoch.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/score/{{net}}_by_epoch.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        model_dir=subpath(input.model, parent=True),
        epochs_dir=subpath(input.held_out, parent=True),
        adaptation=lambda wildcards, input: adaptation_arguments(input),
        options=lambda wildcards: SEARCH_OPTIONS[wildcards.net],
        code=CODE.of("pipeline.bin.wer_by_epoch"),
    shell:
        "python -m pipeline.bin.wer_by_epoch --model-dir {params.model_dir:q}"
        " --epochs-dir {params.epochs_dir:q} --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
        " {params.adaptation} --graph {input.graph:q} --words {input.words:q}"
        " --options {params.options:q} --num-threads {threads} --output {output.wer:q} &> {log:q}"

# Hypotheses against the reference -> word error rates.


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
        options=to_json(
            RECIPE.decode,
            include=[
                "lm_weight",
                "insertion_penalty",
                "lm_weights",
                "insertion_penalties",
            ],
        ),
        seed=RECIPE.seed,
        tuning=lambda wildcards, input: tuning_arguments(input),
        output_dir=subpath(output.wer, parent=True),
        code=CODE.of("pipeline.bin.score"),
    shell:
        "python -m pipeline.bin.score --hypotheses {input.hypotheses:q} --cuts {input.cuts:q}"
        " {params.tuning} --options {params.options:q} --seed {params.seed}"
        " --output-dir {params.output_dir:q}"
        " &> {log:q}"

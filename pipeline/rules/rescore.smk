# Lattices of a search -> hypotheses of a larger grammar, or with a language model beside it.

WEIGHTS = ["lm_weight", "insertion_penalty", "lm_weights", "insertion_penalties"]
SETTINGS = to_json(RECIPE.decode, WEIGHTS)


rule rescore_lattices:
    input:
        unpack(lambda wildcards: rescoring_files(RECIPE, wildcards)),
        words=rules.prepare_lang.output.words,
    output:
        hypotheses=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/hypotheses.jsonl",
        lattices=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/lattices.jsonl.gz",
    log:
        f"{ROOT}/logs/{{split}}/rescore/{{model}}_{{grammar}}_{{decoder}}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/rescore/{{model}}_{{grammar}}_{{decoder}}.tsv"
    wildcard_constraints:
        grammar=any_of({*RECIPE.grammars} - {*RECIPE.searched_grammars}),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        options=SETTINGS,
        output_dir=subpath(output.hypotheses, parent=True),
        code=CODE.of("pipeline.bin.rescore_lattices"),
    shell:
        "python -m pipeline.bin.rescore_lattices --lattices {input.lattices:q} --words {input.words:q}"
        " --old {input.old:q} --new {input.new:q} --options {params.options:q}"
        " --output-dir {params.output_dir:q} &> {log:q}"


rule rescore_n_best:
    input:
        unpack(lambda wildcards: rescoring_files(RECIPE, wildcards)),
        words=rules.prepare_lang.output.words,
    output:
        hypotheses=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/hypotheses.jsonl",
    log:
        f"{ROOT}/logs/{{split}}/rescore/{{model}}_{{grammar}}_{{decoder}}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/rescore/{{model}}_{{grammar}}_{{decoder}}.tsv"
    wildcard_constraints:
        grammar=any_of(RECIPE.rescoring),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        lm_dir=subpath(input.lm, parent=True),
        weight=lambda wildcards: RECIPE.rescoring[wildcards.grammar].weight,
        n_best=lambda wildcards: RECIPE.rescoring[wildcards.grammar].n_best,
        options=SETTINGS,
        output_dir=subpath(output.hypotheses, parent=True),
        code=CODE.of("pipeline.bin.rescore_n_best"),
    shell:
        "python -m pipeline.bin.rescore_n_best --lattices {input.lattices:q} --words {input.words:q}"
        " --old {input.old:q} --lm {params.lm_dir:q} --weight {params.weight}"
        " --n-best {params.n_best} --options {params.options:q}"
        " --output-dir {params.output_dir:q} &> {log:q}"

# Lang, grammar and the HMM of a model -> HCLG.


rule make_graph:
    input:
        rules.prepare_lang.output,
        lang=rules.prepare_lang.output.lang,
        g=rules.make_grammar.output.g,
        hmm=lambda wildcards: hmm_of(
            RECIPE, f"{ROOT}/{wildcards.split}", wildcards.model
        ),
    output:
        hclg=f"{ROOT}/{{split}}/graph/{{model}}/{{grammar}}/HCLG.fst",
        summary=f"{ROOT}/{{split}}/graph/{{model}}/{{grammar}}/graph.json",
    log:
        f"{ROOT}/logs/{{split}}/graph/{{model}}_{{grammar}}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/graph/{{model}}_{{grammar}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        lang_dir=subpath(input.lang, parent=True),
        options=to_json(RECIPE.graph),
        code=CODE.of("pipeline.bin.make_graph"),
    shell:
        "python -m pipeline.bin.make_graph --lang {params.lang_dir:q} --grammar {input.g:q}"
        " --hmm {input.hmm:q} --options {params.options:q} --output {output.hclg:q} &> {log:q}"

# Lang, grammar and the HMM of a model -> HCLG.


rule estimate_pronunciations:
    # Only with graph.pronunciations: what was said in training, from the rung's alignment.
    input:
        rules.prepare_lang.output,
        lang=rules.prepare_lang.output.lang,
        hmm=GMM["hmm"],
        ark=ALIGNMENT["ark"],
        alignment=ALIGNMENT["scp"],
        cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
    output:
        **lang_files(f"{ROOT}/{{split}}/{{rung}}/lang"),
    log:
        f"{ROOT}/logs/{{split}}/{{rung}}/pronunciations.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/{{rung}}/pronunciations.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        lang_dir=subpath(input.lang, parent=True),
        output_dir=subpath(output.lang, parent=True),
        code=CODE.of("pipeline.bin.estimate_pronunciations"),
    shell:
        "python -m pipeline.bin.estimate_pronunciations --alignment {input.alignment:q}"
        " --hmm {input.hmm:q} --lang {params.lang_dir:q} --cuts {input.cuts:q}"
        " --output-dir {params.output_dir:q} &> {log:q}"


rule make_graph:
    input:
        lambda wildcards: list(graph_lang(RECIPE, wildcards.split).values()),
        lang=lambda wildcards: graph_lang(RECIPE, wildcards.split)["lang"],
        g=lambda wildcards: grammar_file(RECIPE, wildcards.split, wildcards.grammar),
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
        options=to_json(RECIPE.graph, exclude=["pronunciations"]),
        code=CODE.of("pipeline.bin.make_graph"),
    shell:
        "python -m pipeline.bin.make_graph --lang {params.lang_dir:q} --grammar {input.g:q}"
        " --hmm {input.hmm:q} --options {params.options:q} --output {output.hclg:q} &> {log:q}"

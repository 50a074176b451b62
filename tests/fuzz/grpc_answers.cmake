ctr_fuzz(grpc_answers LIBS ctr_grpc)
